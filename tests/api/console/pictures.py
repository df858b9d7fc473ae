"""The pictures of the docs, of a service that `scoreline up` runs here: `python -m tests.api.console.pictures`."""

from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect
from scoreline.local import local_env

from data.housing_sample import PATH as SAMPLE
from tests.api.console.browser import Visit, chromium

FOLDER = Path(__file__).parents[3] / "docs" / "images"
LIGHT: dict[str, Any] = {"color_scheme": "light"}
DARK: dict[str, Any] = {"color_scheme": "dark", "viewport": {"width": 1180, "height": 860}}
NARROW: dict[str, Any] = {"color_scheme": "light", "viewport": {"width": 360, "height": 780}}


def record(page: Page) -> None:
    page.get_by_role("button", name="Score", exact=True).click()
    expect(page.locator(".answer")).to_be_visible()


def file(page: Page) -> None:
    page.locator("#file").set_input_files(SAMPLE)
    expect(page.get_by_role("button", name="Send and score")).to_be_visible()


def job(page: Page) -> None:
    file(page)
    page.get_by_role("button", name="Send and score").click()
    expect(page.get_by_label("Map of California with")).to_be_visible()


def model(page: Page) -> None:
    expect(page.get_by_text("What it takes")).to_be_visible()


def main() -> None:
    known = local_env()
    with chromium() as browser:
        for name, view, look, ready in (
            ("record", "predict", LIGHT, record),
            ("file", "score", LIGHT, file),
            ("job", "score", DARK, job),
            ("model", "models/housing", DARK, model),
            ("narrow", "predict", NARROW, record),
        ):
            taken(browser, known, view, look, ready, FOLDER / f"console-{name}.png")


def taken(browser: Browser, known: dict[str, str], view: str, look: dict[str, Any], ready: Any, path: Path) -> None:
    visit = Visit(browser, known["SCORELINE_URL"], **look)
    page = visit.sign_in(known["SCORELINE_API_KEY"], view)
    ready(page)
    page.evaluate("document.activeElement.blur()")
    page.wait_for_load_state("networkidle")
    page.screenshot(path=path)
    visit.end()


if __name__ == "__main__":
    main()
