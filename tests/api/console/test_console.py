"""The console in a real browser: what a person does there, beside what the API says of it."""

import csv
import re
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from api.pages import FILES
from data.housing_sample import PATH as SAMPLE
from tests import constants
from tests.api.console.browser import Visit
from tests.conftest import HOUSE, Service, environment, eventually

RECORDS = 20_000
BAD = {10: "old", 9_999: "", 19_999: "1e999"}  # by their places, what stands where the age should


@pytest.fixture
def houses(tmp_path: Path) -> Path:
    """20,000 records, three of them bad."""
    header, *rows = list(csv.reader(SAMPLE.read_text().splitlines()))
    rows = [list(row) for row in (rows * 2)[:RECORDS]]
    rows[1][3] = "99999"  # more rooms than any block had
    for place, text in BAD.items():
        rows[place][2] = text
    path = tmp_path / "houses.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def test_the_page_and_its_files_need_no_key_and_name_their_policy(service: Service) -> None:
    page = httpx.get(service.url, headers={"Accept": "text/html,*/*;q=0.8"})
    assert page.headers["content-type"].startswith("text/html")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for path in re.findall(r'(?:href|src)="(/console/[^"]+)"', page.text):
        file = httpx.get(service.url + path)
        assert (file.status_code, file.headers["content-security-policy"]) == (200, policy)
        assert httpx.get(service.url + path, headers={"If-None-Match": file.headers["etag"]}).status_code == 304
        for part in ("bytes=0-1", "bytes=0-1,4-5", "bytes=999999-", "*"):  # what is asked for in parts comes whole
            whole = httpx.get(service.url + path, headers={"Range": part})
            assert (whole.status_code, whole.content) == (200, file.content)
    assert httpx.get(service.url, headers={"Range": "*"}).status_code == 200
    missing = httpx.get(f"{service.url}/console/../main.py")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")


def test_every_module_is_at_most_two_pages_long() -> None:
    assert [path.name for path in FILES.rglob("*.js") if len(path.read_text().splitlines()) > 200] == []


READ_IN_PARTS = """async ([text, size]) => {
    const { rowsIn } = await import("/console/csv.js");
    async function* parts() {
        for (let at = 0; at < text.length; at += size) yield text.slice(at, at + size);
    }
    const found = [];
    for await (const rows of rowsIn(parts())) found.push(...rows);
    return found;
}"""


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_csv_is_read_as_python_reads_it_wherever_it_is_cut(visit: Visit, size: int) -> None:
    text = 'a,b\n1,"x, ""y"""\n"line\nbreak",\n"",2\r\n3,\n4,"last, without an end"'
    visit.page.goto("/")
    assert visit.page.evaluate(READ_IN_PARTS, [text, size]) == list(csv.reader(text.splitlines(keepends=True)))


def test_signing_in_and_out(visit: Visit, key: str) -> None:
    visit.expected = ("401",)
    page = visit.page
    page.goto("/#/jobs")
    page.get_by_label("Your key").fill(f"{key[:-1]}")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("No key like this")
    page.get_by_label("Your key").fill(key)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Jobs", level=1)).to_be_visible()
    page.reload()
    expect(page.get_by_text("You have no jobs yet")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Your key")).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0


def test_a_part_that_does_not_come_is_loaded_again(visit: Visit, key: str) -> None:
    visit.expected = ("ERR_",)
    visit.page.route("**/console/map.js", lambda route: route.abort(), times=1)
    visit.sign_in(key)


def test_a_key_in_the_address_is_taken_out_of_it(visit: Visit, key: str) -> None:
    page = visit.sign_in(key)
    assert key not in page.url
    assert key not in page.evaluate("JSON.stringify(history.state) + document.documentElement.outerHTML")
    page.go_back()  # to the empty page before: the key is nowhere in the history
    assert key not in page.url


def test_one_house(visit: Visit, key: str, http: httpx.Client, price: float) -> None:
    visit.expected = ("422",)
    page = visit.sign_in(key)
    for name, value in HOUSE.items():
        page.get_by_label(name).fill(str(value))
    age = page.get_by_label("housing_median_age")
    age.fill("old")
    page.get_by_role("button", name="Score", exact=True).click()
    expect(page.locator("#feature-2-error")).to_contain_text("must be a number")
    expect(age).to_be_focused()
    age.fill("41")
    page.get_by_role("button", name="Score", exact=True).click()
    expect(page.locator(".answer")).to_have_text(f"${price:,.0f}")
    expect(page.get_by_text("of such records lie between")).to_contain_text("Higher than")
    expect(page.get_by_label(re.compile("^Distribution of"))).to_be_visible()
    expect(page.locator("dl", has_text="in all")).to_contain_text("ms")
    expect(page.get_by_label("Shell")).to_contain_text("/predict/housing")
    expect(page.get_by_label("Python")).to_contain_text('"median_income": 8.3252')
    page.get_by_role("link", name="this job").click()
    expect(page.locator(".panel", has_text="What was sent")).to_contain_text("8.3252")
    assert len(http.get("/jobs").json()["items"]) == 2  # what was refused left none; `price` made the other


def test_what_would_be_refused_is_not_sent(visit: Visit, key: str) -> None:
    visit.expected = ("422",)
    page = visit.sign_in(key, "score")
    house = ",".join(map(str, HOUSE.values()))
    for names, record in ((["a", *list(HOUSE)[1:]], house), (list(HOUSE), house.replace("8.3252", "much"))):
        content = f"{','.join(names)}\n{record}\n".encode()
        page.locator("#file").set_input_files({"name": f"{names[0]}.csv", "mimeType": "text/csv", "buffer": content})
        expect(page.get_by_role("heading", name=f"{names[0]}.csv")).to_be_visible()
        expect(page.get_by_role("heading", name="Check")).to_be_visible()
        expect(page.get_by_role("button", name="Send and score")).to_have_count(0)


def test_a_file_of_20_000_with_bad_ones_to_the_downloaded_results(visit: Visit, key: str, houses: Path) -> None:
    page = visit.sign_in(key, "score")
    page.locator("#file").set_input_files(houses)
    expect(page.get_by_role("region", name="The first rows")).to_contain_text("median_income")
    expect(page.get_by_role("region", name="What is wrong")).to_contain_text('not "old"')
    expect(page.get_by_text("scored all the same: total_rooms in 1 record")).to_be_visible()
    page.get_by_role("button", name="Send and score").click()
    expect(page.get_by_text("of 20,000 records")).to_be_visible()
    expect(page.get_by_role("progressbar")).to_have_js_property("value", RECORDS)
    failed = page.get_by_role("region", name="Failed records")
    expect(failed.locator("tbody tr")).to_have_count(len(BAD))
    expect(page.get_by_role("button", name="Try 3 records again")).to_have_count(0)  # which would change nothing
    expect(failed).to_contain_text("9,999")
    expect(page.get_by_role("img", name=re.compile("^Histogram"))).to_be_visible()
    expect(page.get_by_role("img", name="Map of California with 19,997 records")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="results as CSV").click()
    rows = list(csv.DictReader(Path(download.value.path()).read_text().splitlines()))
    assert len(rows) == RECORDS
    assert {int(row["record"]) for row in rows if row["error"]} == set(BAD)
    assert all(row["value"] for row in rows if not row["error"])


def test_what_waits_is_canceled_and_tried_again_also_while_the_service_comes_and_goes(
    visit: Visit, key: str, service: Service, http: httpx.Client
) -> None:
    visit.expected = ("ERR_", "503")
    service.stop("worker")
    try:
        job = http.post("/jobs?name=later", json={"records": [HOUSE, HOUSE]}).json()["id"]
        page = visit.sign_in(key, f"jobs/{job}")
        expect(page.get_by_text("0 of 2 records")).to_be_visible()
        service.stop("api")
        visit.go("jobs")
        expect(page.get_by_text("The service is away")).to_be_visible()
        service.start("api")
        expect(page.get_by_text("The service is away")).to_be_hidden()
        page.get_by_role("link", name="later").click()
        page.get_by_role("button", name="Cancel").click()
        page.get_by_role("dialog").get_by_role("button", name="Cancel the job").click()
        expect(page.locator("#main .badge", has_text="canceled")).to_be_visible()
        page.get_by_role("button", name="Try 2 records again").click()
        expect(page.locator("#main .badge", has_text="pending")).to_be_visible()
    finally:
        service.start("worker")
    expect(page.locator("#main .badge", has_text="succeeded")).to_be_visible()
    assert http.get(f"/jobs/{job}").json()["records"] == {"total": 2, "succeeded": 2, "failed": 0}
    eventually(service.is_ready)


def promoted(page: Page, verb: str, ref: str) -> None:
    page.get_by_role("button", name=f"{verb}: {ref}").click()
    page.get_by_role("button", name="Move the alias").click()


def test_a_promoted_model_and_one_that_somebody_else_moved(visit: Visit, service: Service) -> None:
    visit.expected = ("412",)
    with environment(**service.env):
        for value in (1, 2, 3):
            constants.publish(value, model="moved")
    with service.admin() as admin:
        page = visit.sign_in(admin.headers["X-API-Key"], "models/moved")
        promoted(page, "Promote", "moved:2")
        expect(page.get_by_role("status")).to_contain_text("moved@champion is moved:2")
        assert admin.get("/models/moved/aliases/champion").json()["version"] == 2
        page.get_by_role("button", name="Go back to moved:1").click()
        expect(page.get_by_role("status")).to_contain_text("moved@champion is moved:1 again")
        admin.put("/models/moved/aliases/champion", json={"version": 3})
        promoted(page, "Promote", "moved:2")
        expect(page.get_by_role("alert")).to_contain_text("Somebody moved moved@champion meanwhile: it is moved:3 now")
        assert admin.get("/models/moved/aliases/champion").json()["version"] == 3


def test_a_key_that_is_revoked_while_it_is_signed_in(visit: Visit, key: str, http: httpx.Client) -> None:
    visit.expected = ("401",)
    page = visit.sign_in(key, "users/me")
    page.get_by_role("button", name="Revoke test").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke the key").click()
    expect(page.get_by_role("status").or_(page.get_by_role("alert"))).to_contain_text("revoked")
    visit.go("jobs")  # which looks again and again, until the key is believed no longer
    expect(page.get_by_label("Your key")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("it was revoked")
    assert http.get("/jobs").status_code == 401


def test_an_administrator_makes_a_user_whose_key_opens(visit: Visit, service: Service) -> None:
    with service.admin() as admin:
        page = visit.sign_in(admin.headers["X-API-Key"], "users")
    page.get_by_label("Username").fill("made-here")
    page.get_by_label("Email").fill("made-here@example.org")
    page.get_by_role("button", name="Make the user").click()
    expect(page.get_by_role("heading", name="made-here", level=1)).to_be_visible()
    page.get_by_label("Where it is used").fill("door")
    page.get_by_role("button", name="Make the key").click()
    secret = page.get_by_label("door", exact=True).inner_text()
    assert httpx.get(f"{service.url}/users/me", headers={"X-API-Key": secret}).json()["username"] == "made-here"
    page.reload()
    expect(page.get_by_role("region", name="Keys")).to_contain_text("door")
    assert secret not in page.content()
