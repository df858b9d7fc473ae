"""Chromium as the system has it, and a page that nothing may go wrong on unseen."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = "there is no Chromium: apt-get install chromium, or name one in CHROMIUM"
QUIETLY = ("quic", "gpu", "background-networking", "component-update", "sync", "extensions")
# Beside 40 other tests, on two cores.
PATIENCE_MILLISECONDS = 20_000
expect.set_options(timeout=PATIENCE_MILLISECONDS)


@contextmanager
def chromium() -> Iterator[Browser]:
    """One that talks to nobody but the pages that it is sent to."""
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        (pytest.fail if os.environ.get("REQUIRE_BROWSER") else pytest.skip)(MISSING)
    arguments = [f"--disable-{name}" for name in QUIETLY]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*arguments, "--no-sandbox", "--no-first-run"])
        yield browser
        browser.close()


class Visit:
    """A page of the console, and what must not be seen there: errors on its console, requests to other hosts."""

    def __init__(self, browser: Browser, url: str, **looks: Any) -> None:
        settings = {"viewport": {"width": 1280, "height": 800}, "locale": "en-US", "accept_downloads": True} | looks
        self.url, self.context = url, browser.new_context(base_url=url, **settings)
        self.context.set_default_timeout(PATIENCE_MILLISECONDS)
        self.page: Page = self.context.new_page()
        self.wrong: list[str] = []
        self.expected: tuple[str, ...] = ()
        self.page.on("console", self.heard)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("request", self.asked)

    def heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not any(word in message.text for word in self.expected):
            self.wrong.append(message.text)

    def asked(self, request: Any) -> None:
        if urlsplit(request.url).scheme in ("http", "https") and not request.url.startswith(self.url):
            self.wrong.append(f"asked {request.url}")

    def sign_in(self, key: str, view: str = "") -> Page:
        """The view, as who has this key."""
        self.page.goto(f"/#key={key}")
        expect(self.page.get_by_role("button", name="Sign out")).to_be_visible()
        if view:
            self.go(view)
        return self.page

    def go(self, view: str) -> None:
        self.page.evaluate("view => { location.hash = view }", f"#/{view}")

    def end(self) -> None:
        self.context.close()
        assert self.wrong == []
