"""What the console costs, measured on a service that `scoreline up` runs here: `python -m benchmarks.console`.

How soon it paints and what the first load transfers; then jobs of a million records, by turns with and without a page
that follows them: the processor time that the page costs the API, and how long the page's own thread was held up.
"""

import os
import re
from pathlib import Path
from statistics import median
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx
from playwright.sync_api import Browser, expect
from scoreline.local import local_env

from data.housing_sample import PATH as SAMPLE
from tests.api.console.browser import Visit, chromium

LOADS = 5
PAIRS = 3
COPIES = 100
FINISH_SECONDS = 60
PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
TRANSFERRED = """
["navigation", "resource"].flatMap(kind => performance.getEntriesByType(kind))
    .reduce((sum, one) => sum + one.transferSize, 0)
"""
# Between two frames there are 16.7 ms, unless something holds the thread up.
WATCH = """
window.gap = 0;
const look = before => requestAnimationFrame(now => {
    window.gap = Math.max(window.gap, now - before);
    look(now);
});
look(performance.now());
"""


class Followed(NamedTuple):
    """A job of a million: its seconds and what the API took of a core meanwhile, as a share."""

    seconds: float
    core: float


class Drawn(NamedTuple):
    """What a page was at worst between two frames, in milliseconds, and what drawing the results cost the API."""

    following: float
    drawing: float
    api_seconds: float


def main() -> None:
    known = local_env()
    url, key = known["SCORELINE_URL"], known["SCORELINE_API_KEY"]
    with chromium() as browser, httpx.Client(base_url=url, headers={"X-API-Key": key}, timeout=300) as client:
        paints, sizes = zip(*(first_load(browser, url, key) for _ in range(LOADS)), strict=True)
        print(f"first paint {median(paints):.0f} ms, at worst {max(paints):.0f}; first load {max(sizes) / 1000:.0f} KB")
        content = million()
        without, beside = [], []
        for _ in range(PAIRS):
            without.append(alone(client, url, content))
            beside.append(followed(browser, client, url, key, content))
    print("a million records", *(f"{one.seconds:.1f} s" for one in without))
    core = median(with_page.core - bare.core for (with_page, _), bare in zip(beside, without, strict=True))
    print("of a core in the API, without a page", *(f"{one.core:.1%}" for one in without))
    print("with a page", *(f"{one.core:.1%}" for one, _ in beside), f"so the page costs {core:.1%}")
    drawn = [one for _, one in beside]
    print(f"longest gap between frames: following {max(one.following for one in drawn):.0f} ms,", end=" ")
    print(f"drawing 50,000 points {max(one.drawing for one in drawn):.0f} ms,", end=" ")
    print(f"which took {median(one.api_seconds for one in drawn):.2f} s of the API")


def first_load(browser: Browser, url: str, key: str) -> tuple[float, int]:
    """The milliseconds until something was painted, and the bytes until the first view was there."""
    visit = Visit(browser, url)
    page = visit.sign_in(key)
    expect(page.get_by_role("button", name="Score", exact=True)).to_be_visible()
    found = page.evaluate(PAINT), page.evaluate(TRANSFERRED)
    visit.end()
    return found


def million() -> bytes:
    header, _, rows = SAMPLE.read_bytes().partition(b"\n")
    return header + b"\n" + rows * COPIES


def submit(client: httpx.Client, content: bytes) -> str:
    answer = client.post("/jobs", params={"name": "a million"}, content=content, headers={"Content-Type": "text/csv"})
    return str(answer.raise_for_status().json()["id"])


def finish(client: httpx.Client, job: str, process: int) -> Followed:
    """Waits with one request, which costs next to nothing."""
    before, began = core_seconds(process), os.times().elapsed
    answer = client.get(f"/jobs/{job}", params={"wait": FINISH_SECONDS}).json()
    assert answer["status"] == "succeeded", answer
    seconds = os.times().elapsed - began
    return Followed(seconds, (core_seconds(process) - before) / seconds)


def alone(client: httpx.Client, url: str, content: bytes) -> Followed:
    return finish(client, submit(client, content), api_of(url))


def followed(browser: Browser, client: httpx.Client, url: str, key: str, content: bytes) -> tuple[Followed, Drawn]:
    visit, process = Visit(browser, url), api_of(url)
    page = visit.sign_in(key, "jobs")
    page.evaluate(WATCH)
    job = submit(client, content)
    visit.go(f"jobs/{job}")
    found = finish(client, job, process)
    following, before = page.evaluate("[window.gap, window.gap = 0][0]"), core_seconds(process)
    expect(page.get_by_label("Map of California with")).to_be_visible(timeout=FINISH_SECONDS * 1000)
    drawn = Drawn(following, page.evaluate("window.gap"), core_seconds(process) - before)
    visit.end()
    client.delete(f"/jobs/{job}")
    return found, drawn


def api_of(url: str) -> int:
    """The process that answers there."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        words = path.read_bytes().decode(errors="replace").split("\0")
        if "uvicorn" in " ".join(words) and str(urlsplit(url).port) in words:
            return int(path.parent.name)
    raise SystemExit(f"no uvicorn of this machine answers at {url}; run scoreline up")


def core_seconds(process: int) -> float:
    """What it has taken of a processor so far."""
    fields = re.split(r"\s+", Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].strip())
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
