"""Files made to be slow, large or strange: each gets a clear answer, and nobody else waits for it."""

import io
import json
import threading
import time
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from tests.api.test_bulk import CSV, NAMES, file, line, results, send
from tests.api.test_predict import WAIT, assert_problem, rows
from tests.api.test_uploads import NDJSON, PARQUET, houses, ndjson, parquet
from tests.conftest import HOUSE, Service

JSON = {"Content-Type": "application/json"}


def dry_run(http: httpx.Client, body: bytes, headers: dict[str, str] = CSV) -> httpx.Response:
    return http.post("/jobs?dry_run=true", content=body, headers=headers, timeout=60)


def test_uploads_hold_up_nobody(http: httpx.Client) -> None:
    """Six that take their time, of which two are read at once; singles go on meanwhile, many for each of them."""
    body = file(line(), *["1"] * 20_000)
    threads = [threading.Thread(target=dry_run, args=(http, body)) for _ in range(6)]
    for thread in threads:
        thread.start()
    answers, begun = [], time.monotonic()
    while any(thread.is_alive() for thread in threads):
        began = time.monotonic()
        assert http.post("/predict", json=HOUSE, headers=WAIT).status_code == 200
        answers.append(time.monotonic() - began)
    assert sorted(answers)[len(answers) // 2] < (time.monotonic() - begun) / 6


def test_other_members_are_counted_over_the_whole_file(service: Service, http: httpx.Client) -> None:
    before = rows(service)
    records = [{**HOUSE, **{f"{block}-{number}": 1 for number in range(900)}} for block in range(2)]
    padding = [{**HOUSE, "padding": "x" * (2 << 20)}]
    body = ndjson(records[0], *padding, records[1])
    assert_problem(http.post("/jobs", content=body, headers=NDJSON), 422, "invalid")
    assert rows(service) == before


def test_a_wide_file_of_short_lines_stays_small(http: httpx.Client) -> None:
    """127 KB that were 246 MB when each missing cell was kept."""
    header = ",".join([*NAMES, *(f"c{number}" for number in range(900))])
    full = ",".join([line(), *["x"] * 900])
    found = dry_run(http, file(full, *["1"] * 20_000, header=header)).json()
    assert found["records"] == {"total": 20_001, "valid": 1, "invalid": 20_000}


@pytest.mark.parametrize(
    ("cells", "failed"),
    [(["34,38", "1.986"], {1}), (["1.986,5", "2,5"], {0}), (["34.38", "1,5"], {1}), (["34,38", "7"], set())],
)
def test_one_decimal_sign_is_meant(http: httpx.Client, cells: list[str], failed: set[int]) -> None:
    """The other one parts thousands, and what it stands in is no number."""
    usual = line(";").replace(".", "," if "," in cells[0] else ".")
    body = file(usual, *(usual.replace(";880;", f";{cell};") for cell in cells), header=";".join(NAMES))
    job = send(http, body)
    errors = http.get(f"{job['urls']['errors']}?format=json").json()
    assert {error["record"] - 1 for error in errors} == failed


TWICE = json.dumps(HOUSE).replace('"median_income"', '"median_income": 9.9, "median_income"').encode()
DEEP = json.dumps(HOUSE).encode()[:-1] + b', "x": ' + b"[" * 300 + b"]" * 300 + b"}"


@pytest.mark.parametrize("bad", [TWICE, DEEP, b'{"a": NaN}', b"\xef\xbb\xbf{}"])
def test_lines_that_are_no_records(http: httpx.Client, bad: bytes) -> None:
    body = b"\xef\xbb\xbf" + ndjson(HOUSE) + bad + b"\n" + ndjson({**HOUSE, "at": "12:30:45", "place": {"a": [1]}})
    job = send(http, body, NDJSON)
    assert job["records"] == {"total": 3, "succeeded": 2, "failed": 1}
    [error] = http.get(f"{job['urls']['errors']}?format=json").json()
    assert (error["line"], error["code"]) == (2, "malformed")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"records": [%s]}' % TWICE, 400),
        (b'{"records": [%s]}' % DEEP, 400),
        (b'{"records": [], "records": [{}]}', 400),
        (b'{"records": [{}], "model": "housing:9"}', 422),
        (b'{"records": [{}], "columns": [], "data": []}', 422),
        (b'{"columns": ["", ""], "data": [[1, 2]]}', 422),
    ],
)
def test_json_that_is_no_table(service: Service, http: httpx.Client, body: bytes, status: int) -> None:
    before = rows(service)
    answer = http.post("/jobs", content=body, headers=JSON)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert rows(service) == before


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (file(line()).replace(b"\n", b"\r"), "usual line ends"),
        (b"\xef\xbb\xbf\n\n", "is empty"),
        (file("1,2", header="a,b"), '"longitude" is missing'),
    ],
)
def test_csv_that_is_no_table(service: Service, http: httpx.Client, body: bytes, detail: str) -> None:
    before = rows(service)
    answer = http.post("/jobs", content=body, headers=CSV)
    assert answer.status_code in (400, 422)
    assert detail in answer.json()["detail"]
    assert rows(service) == before


def test_a_carriage_return_alone_ends_a_line_too(http: httpx.Client) -> None:
    job = send(http, file(line() + "\r" + line(), line(latitude="x")))
    assert job["records"] == {"total": 3, "succeeded": 2, "failed": 1}


@pytest.mark.parametrize("charset", ["utf-16", "utf-7", "idna", "rot13", "nonsense", "base64"])
def test_charsets_that_are_not_read(http: httpx.Client, charset: str) -> None:
    answer = http.post("/jobs", content=file(line()), headers={"Content-Type": f"text/csv; charset={charset}"})
    assert_problem(answer, 400, "malformed")


def test_columns_without_a_name_are_numbered(http: httpx.Client) -> None:
    """As spreadsheets leave them at the end, and pandas its index at the front."""
    job = send(http, file(f"0,{line()},,", header=f",{','.join(NAMES)},,"))
    assert results(http, job)[0]["column 1"] == "0"


@pytest.mark.parametrize("header", ['"a,b,c,d,e,f,g,h,i,j,k,l";' + ";".join(NAMES), "sep=;\n" + "x;" + ";".join(NAMES)])
def test_the_delimiter_is_what_finds_the_features(http: httpx.Client, price: float, header: str) -> None:
    job = send(http, file("x;" + line(";"), header=header))
    assert float(results(http, job)[0]["value"]) == pytest.approx(price)


def test_changed_bytes_are_never_a_fault_of_ours(http: httpx.Client) -> None:
    whole = parquet(**houses(50), note=["é"] * 50)
    random = np.random.default_rng(7)
    for _ in range(60):
        broken = bytearray(whole)
        for place in random.integers(4, len(whole), 3):
            broken[place] = random.integers(256)
        assert dry_run(http, bytes(broken), PARQUET).status_code in (200, 400, 413, 422)


def test_long_text_is_read_a_few_rows_at_a_time(http: httpx.Client) -> None:
    """20,000 times 30 KB without a dictionary: 58 KB of file, and 1.2 GB when it was read 25,000 rows at a time."""
    sink = io.BytesIO()
    table = pa.table({**houses(20_000), "note": ["x" * 30_000] * 20_000})
    pa.parquet.write_table(table, sink, compression="zstd", use_dictionary=False)
    found = dry_run(http, sink.getvalue(), PARQUET).json()
    assert found["records"]["valid"] == 20_000


def test_large_integers_come_back_as_they_were(http: httpx.Client) -> None:
    job = send(http, ndjson(*[{**HOUSE, "id": number} for number in (2**64 - 1, 7)]), NDJSON)
    assert [row["id"] for row in results(http, job)] == [str(2**64 - 1), "7"]
    assert json.loads(http.get(f"{job['urls']['results']}?format=json").text)[0]["id"] == 2**64 - 1


def test_refused_records_have_failed_whatever_becomes_of_the_others(http: httpx.Client, service: Service) -> None:
    service.stop("worker")
    try:
        made: Any = http.post("/jobs", content=file(line(), line(latitude="x"), line()), headers=CSV).json()
        canceled = http.post(made["urls"]["cancel"]).json()
        assert (canceled["status"], canceled["records"]["failed"]) == ("canceled", 1)
        assert len(http.get(f"{made['urls']['errors']}?format=json").json()) == 1
        assert http.post(made["urls"]["retry"]).json()["records"]["failed"] == 0
    finally:
        service.start("worker")
    job = http.get(made["urls"]["self"], params={"wait": 30}).json()
    assert (job["status"], job["records"]) == ("succeeded", {"total": 3, "succeeded": 2, "failed": 1})


def test_bad_records_are_not_the_way_to_keep_a_service_busy(http: httpx.Client) -> None:
    """They take about ten times as long as good ones, which was two hundred."""
    seconds = []
    for body in (file(*[line()] * 100_000), file(line(), *["1"] * 100_000)):
        began = time.perf_counter()
        assert dry_run(http, body).status_code == 200
        seconds.append(time.perf_counter() - began)
    assert seconds[1] < 50 * seconds[0]
