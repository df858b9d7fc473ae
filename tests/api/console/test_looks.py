"""What the console looks like, and who can use it: narrow, wide, dark, by keyboard, and through axe-core."""

from collections.abc import Callable

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from sklearn.dummy import DummyClassifier

from shared import db
from shared.features import Boolean, Category, Date, Number
from shared.signature import OUTPUTS, Signature
from tests import constants
from tests.api.console.browser import Visit
from tests.conftest import HOUSE, Service, environment
from worker import store
from worker.publishing import publish_artifact

VIEWS = {
    "predict": "Score",
    "score": "Drop a file here",
    "jobs": "Sent",
    "jobs/{job}": "records a second",
    "models": "the champion is version",
    "models/housing": "What it takes",
    "queue": "celery@",
    "users": "A new user",
    "users/me": "A new key",
}
LOOKS = {
    "wide": {"viewport": {"width": 1600, "height": 1000}, "color_scheme": "light"},
    "narrow": {"viewport": {"width": 360, "height": 740}, "color_scheme": "dark", "reduced_motion": "reduce"},
}
SIGNATURE = Signature(
    inputs=(
        Number(name="size", seen=(10, 90)),
        Category(name="kind", categories=("flat", "house"), nullable=True),
        Boolean(name="new"),
        Date(name="day", seen=("2024-01-01", "2025-12-31")),
    ),
    outputs=OUTPUTS["classification"],
    labels=("cheap", "dear"),
)
EXAMPLE = {"size": 50, "kind": "flat", "new": True, "day": "2024-05-07"}


def serious(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found if one["impact"] in ("serious", "critical")]


def width_beyond(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


@pytest.mark.parametrize("look", LOOKS)
def test_no_view_is_too_wide_and_axe_finds_nothing_serious(
    visits: Callable[..., Visit], service: Service, look: str
) -> None:
    with service.admin() as admin:
        job = admin.post("/jobs?name=houses.csv", json={"records": [HOUSE, {**HOUSE, "population": "x"}]}).json()["id"]
        admin.get(f"/jobs/{job}?wait=30")
        visit = visits(**LOOKS[look])
        page = visit.page
        page.goto("/")
        expect(page.get_by_label("Your key")).to_be_visible()
        found = {"sign in": serious(page)}
        visit.sign_in(admin.headers["X-API-Key"])
        for view, words in VIEWS.items():
            visit.go(view.format(job=job))
            expect(page.locator("#main")).to_contain_text(words)
            page.wait_for_load_state("networkidle")
            found[view] = serious(page)
            assert width_beyond(page) <= 0, view
        assert {view: problems for view, problems in found.items() if problems} == {}


def test_dark_where_the_system_is(visits: Callable[..., Visit]) -> None:
    grounds = []
    for scheme in ("light", "dark"):
        page = visits(color_scheme=scheme).page
        page.goto("/")
        grounds.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    light, dark = (sum(map(int, ground[4:-1].split(","))) for ground in grounds)
    assert light > 600
    assert dark < 150


def test_every_type_of_input_and_a_label_for_an_answer(visit: Visit, service: Service, key: str) -> None:
    fitted = DummyClassifier().fit([[0.0] * 4] * 4, ["cheap", "dear", "dear", "dear"])
    told = constants.told(task="classification", signature=SIGNATURE.model_dump(mode="json"), example=EXAMPLE)
    with environment(**service.env), db.transaction() as session:
        publish_artifact(session, "flats", store.packed(fitted), **told)
    page = visit.sign_in(key, "predict/flats")
    expect(page.get_by_label("kind")).to_have_value("flat")
    page.get_by_label("kind").select_option("missing")
    page.get_by_label("new").select_option("no")
    page.get_by_label("day").fill("2026-02-03")
    expect(page.get_by_text("Beyond what the model has seen").filter(visible=True)).to_have_count(1)
    page.get_by_role("button", name="Score", exact=True).click()
    expect(page.locator(".answer")).to_have_text("dear")
    expect(page.locator("#main")).to_contain_text("Beyond what the model has seen: day.")
    expect(page.get_by_role("list", name="Probabilities")).to_contain_text("75%")
    expect(page.get_by_label("Python")).to_contain_text('"kind": None,\n    "new": False,')


def tab_to(page: Page, name: str) -> None:
    """With the keyboard alone; what it is at can be seen."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if name in page.evaluate("document.activeElement.innerText || document.activeElement.id"):
            break
    focused = page.locator(":focus-visible")
    expect(focused).to_have_count(1)
    assert page.evaluate("parseFloat(getComputedStyle(document.activeElement).outlineWidth)") >= 2 or "file" in name


def test_by_keyboard_alone(visit: Visit, key: str, http: httpx.Client) -> None:
    page = visit.page
    page.goto("/")
    expect(page.get_by_label("Your key")).to_be_visible()
    tab_to(page, "key")
    page.keyboard.type(key)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    tab_to(page, "Score")
    page.keyboard.press("Enter")
    expect(page.locator(".answer")).to_contain_text("$")
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    page.locator("body").press("Home")
    page.locator(".skip").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    visit.go("score")
    expect(page.get_by_text("Drop a file here")).to_be_visible()
    tab_to(page, "file")
    with page.expect_file_chooser():
        page.keyboard.press("Space")
    assert len(http.get("/jobs").json()["items"]) == 1
