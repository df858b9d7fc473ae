"""A browser for each file of tests, and a page for each test."""

from collections.abc import Callable, Iterator

import httpx
import pytest
from playwright.sync_api import Browser

from tests.api.console.browser import Visit, chromium
from tests.conftest import Service


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Until the end of the file: Playwright's loop would be in the way of tests that run one of their own."""
    with chromium() as browser:
        yield browser


@pytest.fixture
def visits(browser: Browser, service: Service) -> Iterator[Callable[..., Visit]]:
    """Makes pages; at the end nothing may have gone wrong on any."""
    made: list[Visit] = []

    def visit(**looks: object) -> Visit:
        made.append(Visit(browser, service.url, **looks))
        return made[-1]

    yield visit
    for one in made:
        one.end()


@pytest.fixture
def visit(visits: Callable[..., Visit]) -> Visit:
    return visits()


@pytest.fixture
def key(http: httpx.Client) -> str:
    """Of the user of `http`."""
    return str(http.headers["X-API-Key"])
