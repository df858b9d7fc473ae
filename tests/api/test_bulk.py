"""A file in, a file out: against the real API and the real worker."""

import csv
import gzip
import io
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet
import pytest

from tests.api.test_predict import assert_problem, rows
from tests.conftest import HOUSE, Service

House = dict[str, Any]
CSV = {"Content-Type": "text/csv"}
NAMES = list(HOUSE)


def line(delimiter: str = ",", **changes: Any) -> str:
    return delimiter.join(str(value) for value in {**HOUSE, **changes}.values())


def file(*lines: str, header: str = ",".join(NAMES)) -> bytes:
    return "\n".join([header, *lines, ""]).encode()


def send(http: httpx.Client, body: bytes, headers: dict[str, str] | None = None, query: str = "") -> Any:
    answer = http.post(f"/jobs?{query}", content=body, headers={**CSV, **(headers or {})})
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == answer.json()["urls"]["self"]
    return http.get(answer.json()["urls"]["self"], params={"wait": 30}).json()


def results(http: httpx.Client, job: Any, query: str = "") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(http.get(f"{job['urls']['results']}?{query}").text)))


def test_a_file_in_a_file_out(http: httpx.Client, price: float) -> None:
    job = send(
        http, file(*[line(households=100 + number) for number in range(300)], line()), query="name=houses&meta.a=b"
    )
    assert (job["status"], job["name"], job["metadata"]) == ("succeeded", "houses", {"a": "b"})
    assert job["records"] == {"total": 301, "succeeded": 301, "failed": 0}
    assert job["input"] is None
    found = results(http, job)
    assert [int(row["record"]) for row in found] == list(range(301))
    assert float(found[-1]["value"]) == pytest.approx(price)
    assert set(found[0]) == {"record", "value", "low", "high", "error"}


@pytest.mark.parametrize("form", ["csv", "ndjson", "json", "parquet"])
def test_results_in_every_format(http: httpx.Client, price: float, form: str) -> None:
    job = send(http, file(line(), line(latitude="far")))
    answer = http.get(f"{job['urls']['results']}?format={form}&include=inputs")
    assert f'filename="results-{job["id"]}.{form}"' in answer.headers["content-disposition"]
    assert http.head(f"{job['urls']['results']}?format={form}").status_code == 200
    if form == "csv":
        first, second = csv.DictReader(io.StringIO(answer.text))
    elif form == "parquet":
        first, second = pyarrow.parquet.read_table(io.BytesIO(answer.content)).to_pylist()
    else:
        first, second = answer.json() if form == "json" else map(json.loads, answer.text.splitlines())
    assert float(first["value"]) == pytest.approx(price)
    assert float(first["median_income"]) == HOUSE["median_income"]
    assert not second["value"]
    assert second["error"] == '"latitude" must be a number, not "far"'


def test_accept_chooses_the_format(http: httpx.Client) -> None:
    job = send(http, file(line()))
    for kind in ("text/csv", "application/x-ndjson", "application/json", "application/vnd.apache.parquet"):
        answer = http.get(job["urls"]["results"], headers={"Accept": kind})
        assert answer.headers["content-type"].startswith(kind)


def ndjson() -> bytes:
    return "\n".join(json.dumps({**HOUSE, "id": {"n": number}}) for number in range(3)).encode()


def parquet() -> bytes:
    sink = io.BytesIO()
    columns = {name: [value] * 3 for name, value in HOUSE.items()}
    pyarrow.parquet.write_table(pa.table({**columns, "id": [1, 2, 3]}), sink)
    return sink.getvalue()


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/csv", file(line(), line(), line())),
        ("application/x-ndjson", ndjson()),
        ("application/json", json.dumps({"records": [HOUSE] * 3}).encode()),
        ("application/json", json.dumps({"columns": NAMES, "data": [list(HOUSE.values())] * 3}).encode()),
        ("application/vnd.apache.parquet", parquet()),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_every_type_of_upload(http: httpx.Client, price: float, kind: str, body: bytes, packed: bool) -> None:
    headers = {"Content-Type": kind, **({"Content-Encoding": "gzip"} if packed else {})}
    job = send(http, gzip.compress(body) if packed else body, headers)
    assert job["records"] == {"total": 3, "succeeded": 3, "failed": 0}
    assert [float(row["value"]) for row in results(http, job)] == pytest.approx([price] * 3)


@pytest.mark.parametrize(
    "body",
    [
        b"\xef\xbb\xbf" + file(line()),
        file(line()).replace(b"\n", b"\r\n"),
        file(line(";"), header=";".join(NAMES)),
        file(line(";").replace(".", ","), header=";".join(NAMES)),
        file(line("\t"), header="\t".join(NAMES)),
        file(line(), header=" , ".join(NAMES)),
        file(",".join(str(value) for value in list(HOUSE.values())[::-1]), header=",".join(NAMES[::-1])),
        file(",".join(f'"{value}"' for value in HOUSE.values())),
        file(line(households="+126", population="3.22e2")),
        file(line(latitude=" 37.88 ")),
        file("", line(), ""),
        file(line()).rstrip(),
    ],
    ids=[
        "bom",
        "crlf",
        "semicolon",
        "comma",
        "tab",
        "spaces",
        "order",
        "quoted",
        "signs",
        "blanks",
        "empty lines",
        "no end",
    ],
)
def test_csv_as_people_have_it(http: httpx.Client, price: float, body: bytes) -> None:
    job = send(http, body)
    assert job["records"]["total"] == 1
    assert float(results(http, job)[0]["value"]) == pytest.approx(price)


def test_other_columns_come_back_untouched(http: httpx.Client) -> None:
    header = ",".join([*NAMES, "id", "value", "note"])
    job = send(http, file(f'{line()},007,x,"a ""b""\n, c"', f"{line()},,,", header=header))
    first, second = results(http, job)
    assert (first["id"], first["input.value"], first["note"]) == ("007", "x", 'a "b"\n, c')
    assert (second["id"], second["note"]) == ("", "")


def test_members_of_objects_come_back(http: httpx.Client) -> None:
    job = send(http, ndjson(), {"Content-Type": "application/x-ndjson"})
    assert [row["id"] for row in results(http, job)] == ['{"n":0}', '{"n":1}', '{"n":2}']


@pytest.mark.parametrize(
    "cell", ["1_000", "0x10", "nan", " nan ", "NaN", "inf", "-Infinity", "1e999", "true", "1,5", "--1", "1e"]
)
def test_nothing_slips_in_as_a_number(http: httpx.Client, cell: str) -> None:
    job = send(http, file(line(), line(households=f'"{cell}"'), line()))
    assert job["records"] == {"total": 3, "succeeded": 2, "failed": 1}
    [error] = http.get(f"{job['urls']['errors']}?format=json").json()
    assert (error["record"], error["line"], error["column"], error["code"]) == (1, 3, "households", "type")
    assert error["raw"] == cell.strip()


def test_one_bad_row_spoils_nothing_else(http: httpx.Client, price: float) -> None:
    body = file(line(), line() + ",7", "1,2", line(latitude=91), line(longitude=""), line(total_bedrooms=""), line())
    job = send(http, body)
    assert job["records"] == {"total": 7, "succeeded": 3, "failed": 4}
    found = results(http, job)
    assert [bool(row["error"]) for row in found] == [False, True, True, True, True, False, False]
    assert float(found[6]["value"]) == pytest.approx(price)
    errors = http.get(f"{job['urls']['errors']}?format=json").json()
    assert [(error["record"], error["line"], error["code"]) for error in errors] == [
        (1, 3, "ragged"),
        (2, 4, "ragged"),
        (3, 5, "above_maximum"),
        (4, 6, "missing"),
    ]


def test_lines_count_quoted_line_breaks(http: httpx.Client) -> None:
    header = ",".join([*NAMES, "note"])
    job = send(http, file(f'{line()},"two\nlines"', f"{line(latitude=99)},x", header=header))
    [error] = http.get(f"{job['urls']['errors']}?format=json").json()
    assert error["line"] == 4


WITHOUT_INCOME = ",".join(NAMES[:-1])
REFUSED: list[tuple[bytes, str, str]] = [
    (file(line(), header=WITHOUT_INCOME + ",median_incme"), "missing_column", '"median_incme"'),
    (file("1,2", header="longitude,lattitude"), "missing_column", '"lattitude" meant to be it?; and 5 more'),
    (file(line() + ",1", header=",".join([*NAMES, "latitude"])), "duplicate_column", "there twice"),
    (file(header=",".join(NAMES)), "invalid", "no records"),
    (file(line(latitude="x"), line(latitude="y")), "invalid", "no record of the file is valid"),
]


@pytest.mark.parametrize(("body", "code", "detail"), REFUSED)
def test_a_file_that_is_no_table_of_this_model(
    service: Service, http: httpx.Client, body: bytes, code: str, detail: str
) -> None:
    before = rows(service)
    answer = http.post("/jobs", content=body, headers=CSV)
    assert_problem(answer, 422, "invalid")
    assert detail in answer.json()["detail"]
    assert code == "invalid" or answer.json()["errors"][0]["code"] == code
    assert rows(service) == before


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("text/csv", b"", 400),
        ("text/csv", file(line() + ",caf\xe9", header=",".join([*NAMES, "note"])).decode().encode("latin-1"), 400),
        ("application/json", b"{", 400),
        ("application/json", b"[]", 422),
        ("application/vnd.apache.parquet", b"PAR1", 400),
        ("text/plain", b"x", 415),
        ("", b"x", 415),
    ],
)
def test_what_cannot_be_read(service: Service, http: httpx.Client, kind: str, body: bytes, status: int) -> None:
    before = rows(service)
    answer = http.post("/jobs", content=body, headers={"Content-Type": kind})
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert rows(service) == before


def test_latin_1_is_read_when_it_is_named(http: httpx.Client) -> None:
    body = file(line() + ",café", header=",".join([*NAMES, "note"])).decode().encode("latin-1")
    job = send(http, body, {"Content-Type": "text/csv; charset=latin-1"})
    assert results(http, job)[0]["note"] == "café"
    answer = http.post("/jobs", content=body, headers=CSV)
    assert "line 2 is not utf-8" in answer.json()["detail"]


def test_broken_gzip(http: httpx.Client) -> None:
    packed = gzip.compress(file(line()))
    for body in (b"x", packed[:-9]):
        answer = http.post("/jobs", content=body, headers={**CSV, "Content-Encoding": "gzip"})
        assert_problem(answer, 400, "malformed")


def test_reject_stores_nothing_of_a_file_with_a_bad_record(service: Service, http: httpx.Client) -> None:
    before = rows(service)
    answer = http.post("/jobs?on_error=reject", content=file(line(), line(latitude="x")), headers=CSV)
    assert_problem(answer, 422, "invalid")
    assert [(error["record"], error["line"]) for error in answer.json()["errors"]] == [(1, 3)]
    assert rows(service) == before
    assert send(http, file(line()), query="on_error=reject")["status"] == "succeeded"


def test_a_dry_run_counts_and_stores_nothing(service: Service, http: httpx.Client) -> None:
    before = rows(service)
    answer = http.post("/jobs?dry_run=true", content=file(line(), line(latitude="x")), headers=CSV)
    assert answer.status_code == 200
    assert answer.json()["records"] == {"total": 2, "valid": 1, "invalid": 1}
    assert rows(service) == before


def test_the_same_key_makes_one_job(http: httpx.Client) -> None:
    headers = {**CSV, "Idempotency-Key": "file-7"}

    def post(body: bytes) -> httpx.Response:
        return http.post("/jobs", content=body, headers=headers)

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(post, [file(line())] * 4))
    assert {answer.status_code for answer in answers} <= {202, 409}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 202}) == 1
    assert post(file(line())).headers["idempotent-replayed"] == "true"
    assert_problem(post(file(line(), line())), 422, "idempotency_key_reused")


def test_cancel_and_delete(http: httpx.Client, service: Service) -> None:
    made = http.post("/jobs?expires_in=3600", content=file(*[line()] * 20), headers=CSV).json()
    assert http.post(made["urls"]["cancel"]).json()["status"] in ("canceled", "running", "succeeded")
    job = http.get(made["urls"]["self"], params={"wait": 30}).json()
    assert job["status"] in ("canceled", "succeeded")
    assert http.post(made["urls"]["cancel"]).json()["status"] == job["status"]
    with service.user() as other:
        for method, path in (("POST", "cancel"), ("GET", "results"), ("GET", "errors")):
            assert_problem(other.request(method, made["urls"][path]), 404, "not_found")
        assert_problem(other.delete(made["urls"]["self"]), 404, "not_found")
    assert http.delete(made["urls"]["self"]).status_code == 204
    assert_problem(http.get(made["urls"]["self"]), 404, "not_found")


def test_many_slices_in_order(http: httpx.Client, price: float) -> None:
    """More records than a slice holds, with a bad one in the last."""
    count = 25_000
    job = send(http, file(*[line()] * count, line(latitude="x")))
    assert job["records"] == {"total": count + 1, "succeeded": count, "failed": 1}
    found = results(http, job)
    assert [int(row["record"]) for row in found] == list(range(count + 1))
    assert [float(row["value"]) for row in found[:-1]] == pytest.approx([price] * count)
    assert found[-1]["error"]


def test_events_tell_of_every_change_until_the_end(http: httpx.Client) -> None:
    made = http.post("/jobs", content=file(*[line()] * 30_000), headers=CSV).json()
    seen: list[Any] = []
    with http.stream("GET", made["urls"]["events"]) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        for text in stream.iter_lines():
            if text.startswith("data: "):
                seen.append(json.loads(text.removeprefix("data: ")))
            if text.startswith("id: "):
                last = text.removeprefix("id: ")
    assert seen[-1]["status"] == "succeeded"
    done = [job["records"]["succeeded"] for job in seen]
    assert done == sorted(done)
    assert done[-1] == 30_000
    assert http.get(made["urls"]["events"], headers={"Last-Event-ID": last}).status_code == 204


def test_retry_scores_only_what_was_not(http: httpx.Client, service: Service, price: float) -> None:
    """Of a job that was canceled before a worker came, and of one with a refused record."""
    service.stop("worker")
    made = http.post("/jobs", content=file(line(), line(latitude="x"), line()), headers=CSV).json()
    canceled = http.post(made["urls"]["cancel"]).json()
    assert (canceled["status"], canceled["records"]["succeeded"]) == ("canceled", 0)
    assert results(http, made)[0]["error"] == "canceled before it was scored"
    service.start("worker")
    again = http.post(made["urls"]["retry"])
    assert (again.status_code, again.json()["status"]) == (202, "pending")
    job = http.get(made["urls"]["self"], params={"wait": 30}).json()
    assert (job["status"], job["records"]) == ("succeeded", {"total": 3, "succeeded": 2, "failed": 1})
    assert float(results(http, job)[2]["value"]) == pytest.approx(price)
    assert_problem(http.post(job["urls"]["retry"]), 409, "conflict")
