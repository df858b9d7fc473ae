"""What else comes as a file: forms, other delimiters, members of JSON, bombs, and uploads that break off."""

import csv
import gzip
import io
import json
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.csv_blocks import end_of_records
from cli.servers import Postgres, Valkey
from tests.api.test_bulk import CSV, NAMES, file, line, results, send
from tests.api.test_predict import assert_problem, rows
from tests.conftest import HOUSE, Service, copy_database, eventually, redis_url

NDJSON = {"Content-Type": "application/x-ndjson"}
PARQUET = {"Content-Type": "application/vnd.apache.parquet"}


@pytest.mark.parametrize(
    ("name", "kind", "packed"),
    [
        ("houses.csv", "application/vnd.ms-excel", False),
        ("HOUSES.CSV.GZ", "application/octet-stream", True),
        ("houses", "text/csv", False),
    ],
)
def test_a_form_with_a_file(http: httpx.Client, price: float, name: str, kind: str, packed: bool) -> None:
    body = gzip.compress(file(line())) if packed else file(line())
    made = http.post("/jobs?name=form", files={"file": (name, body, kind)})
    assert made.status_code == 202, made.text
    job = http.get(made.json()["urls"]["self"], params={"wait": 30}).json()
    assert (job["name"], job["status"]) == ("form", "succeeded")
    assert float(results(http, job)[0]["value"]) == pytest.approx(price)


def test_a_form_with_parquet(http: httpx.Client) -> None:
    made = http.post("/jobs", files={"file": ("houses.parquet", parquet(**houses(30_000)))}).json()
    assert http.get(made["urls"]["self"], params={"wait": 30}).json()["records"]["succeeded"] == 30_000


def test_the_same_form_sent_again_is_the_same_job(http: httpx.Client) -> None:
    """Each time with another boundary."""
    answers = [
        http.post("/jobs", files={"file": ("h.csv", file(line()))}, headers={"Idempotency-Key": "form"})
        for _ in range(2)
    ]
    assert answers[0].json()["id"] == answers[1].json()["id"]


def form(*parts: str, boundary: str = "cut") -> bytes:
    return "".join(f"--{boundary}\r\nContent-Disposition: form-data; {part}\r\n" for part in parts).encode()


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"files": {"upload": ("h.csv", file(line()))}}, 400),
        ({"files": [("file", ("h.csv", file(line()))), ("file", ("i.csv", file(line())))]}, 400),
        ({"files": {"file": ("h.csv", file(line()))}, "data": {"model": "housing"}}, 400),
        ({"files": {"file": ("h.csv", b"")}}, 400),
        ({"files": {"file": ("h.txt", file(line()), "text/plain")}}, 415),
        ({"content": b"", "headers": {"Content-Type": "multipart/form-data"}}, 400),
        ({"content": b"what", "headers": {"Content-Type": "multipart/form-data; boundary=cut"}}, 400),
        (
            {
                "content": form('name="file"; filename="h.csv"\r\n'),
                "headers": {"Content-Type": "multipart/form-data; boundary=cut"},
            },
            400,
        ),
    ],
    ids=["name", "two", "field", "empty", "type", "boundary", "no form", "not closed"],
)
def test_a_form_that_is_none(service: Service, http: httpx.Client, request_: Any, status: int) -> None:
    before = rows(service)
    answer = http.post("/jobs", **request_)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert rows(service) == before


@pytest.mark.parametrize(("query", "mark"), [("delimiter=pipe", "|"), ("delimiter=%7C", "|"), ("", "|"), ("", "\t")])
def test_other_delimiters(http: httpx.Client, price: float, query: str, mark: str) -> None:
    header = mark.join([*NAMES, "a,b;c,d;e,f;g"]) if query else mark.join(NAMES)
    job = send(http, file(line(mark) + (f"{mark}1,5" if query else ""), header=header), query=query)
    [row] = results(http, job)
    assert float(row["value"]) == pytest.approx(price)
    assert not query or row["a,b;c,d;e,f;g"] == "1,5"


@pytest.mark.parametrize(
    ("query", "kind", "detail"),
    [
        ("delimiter=x", "text/csv", "comma, semicolon, tab, pipe"),
        ("delimiter=%3B", "application/x-ndjson", "delimiter is for CSV"),
        ("dryrun=true", "text/csv", '"dryrun" is not a parameter'),
    ],
)
def test_parameters_that_cannot_be_meant(
    service: Service, http: httpx.Client, query: str, kind: str, detail: str
) -> None:
    before = rows(service)
    answer = http.post(f"/jobs?{query}", content=file(line()), headers={"Content-Type": kind})
    assert_problem(answer, 422, "invalid")
    assert detail in answer.json()["detail"]
    assert rows(service) == before


def test_an_unknown_model_is_said_before_the_file_is_read(http: httpx.Client) -> None:
    assert_problem(http.post("/jobs?model=hosing", content=b"\x00", headers=CSV), 404, "not_found")


@pytest.mark.parametrize("quoted", ['5" pipe', '"', 'a "b" c'])
def test_a_quote_inside_a_cell_is_a_character(http: httpx.Client, quoted: str) -> None:
    header = ",".join(["note", *NAMES])
    job = send(http, file(f"x{quoted},{line()}", f'"two\nlines",{line()}', f"y,{line()}", header=header))
    assert [row["note"] for row in results(http, job)] == [f"x{quoted}", "two\nlines", "y"]


def test_a_quote_that_is_not_closed(service: Service, http: httpx.Client) -> None:
    """What follows is one cell, and ends at the longest that a record may be."""
    job = send(http, file(line(), f'"{line()}', line()))
    assert (job["records"]["succeeded"], job["records"]["failed"]) == (1, 1)
    before = rows(service)
    answer = http.post("/jobs", content=file(line(), f'"{line()}', "x" * (17 << 20)), headers=CSV)
    assert_problem(answer, 400, "malformed")
    assert "line 3" in answer.json()["detail"]
    assert rows(service) == before


cells = st.text(st.sampled_from('ab",;\n\r '), max_size=6)


@given(st.lists(st.lists(cells, min_size=2, max_size=3), min_size=1, max_size=6), st.integers(0, 200))
def test_pieces_end_with_a_record(table: list[list[str]], cut: int) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    ends = [writer.writerow(row) and text.tell() for row in table]
    end = end_of_records(text.getvalue().encode()[:cut])
    assert end == max((one for one in ends if one <= cut), default=0)


def ndjson(*records: Any) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


OTHERS: list[dict[str, Any]] = [
    {"id": 7, "share": 1, "note": "x", "sold": True, "tags": ["a"], "mixed": 1},
    {"id": 8, "share": 0.5, "note": "7", "sold": False, "tags": {"b": None}, "mixed": "x"},
    {"id": None},
]


@pytest.mark.parametrize("form", ["json", "ndjson"])
def test_members_of_json_come_back_as_json(http: httpx.Client, form: str) -> None:
    job = send(http, ndjson(*[{**HOUSE, **others} for others in OTHERS]), NDJSON)
    text = http.get(f"{job['urls']['results']}?format={form}").text
    found = json.loads(text) if form == "json" else [json.loads(one) for one in text.splitlines()]
    for row, others in zip(found, OTHERS, strict=True):
        assert {name: row[name] for name in OTHERS[0]} == dict.fromkeys(OTHERS[0]) | others
    assert type(found[0]["share"]) is int


def test_members_of_json_come_back_in_columns(http: httpx.Client) -> None:
    job = send(http, ndjson(*[{**HOUSE, **others} for others in OTHERS]), NDJSON)
    table = pa.parquet.read_table(io.BytesIO(http.get(f"{job['urls']['results']}?format=parquet").content))
    kinds = {name: str(table.schema.field(name).type) for name in OTHERS[0]}
    text = dict.fromkeys(("note", "tags", "mixed"), "string")
    assert kinds == {"id": "int64", "share": "double", "sold": "bool", **text}
    first = results(http, job)[0]
    assert [first[name] for name in OTHERS[0]] == ["7", "1", "x", "true", '["a"]', "1"]


def test_members_that_come_late_have_their_column_from_the_start(http: httpx.Client) -> None:
    """Over blocks and slices, of which the first ones know nothing of it."""
    records = [HOUSE] * 50_000 + [{**HOUSE, "id": number} for number in range(3)]
    job = send(http, ndjson(*records), NDJSON)
    for form in ("csv", "parquet"):
        content = http.get(f"{job['urls']['results']}?format={form}").content
        table = pa.csv.read_csv(io.BytesIO(content)) if form == "csv" else pa.parquet.read_table(io.BytesIO(content))
        assert table["id"].to_pylist()[-4:] == [None, 0, 1, 2]
        assert len(table) == len(records)


def parquet(**columns: Any) -> bytes:
    sink = io.BytesIO()
    pa.parquet.write_table(pa.table(columns), sink, compression="zstd")
    return sink.getvalue()


def houses(count: int) -> dict[str, Any]:
    return {name: np.full(count, float(value)) for name, value in HOUSE.items()}


def test_columns_of_parquet_keep_their_types(http: httpx.Client) -> None:
    others = {
        "when": pa.array([0], pa.timestamp("us", "UTC")),
        "tags": pa.array([["a", "b"]]),
        "kind": pa.array(["x"]).dictionary_encode(),
        "cents": pa.array([None], pa.int32()),
    }
    job = send(http, parquet(**houses(1), **others), PARQUET)
    [first] = results(http, job)
    assert (first["tags"], first["kind"], first["when"][:10]) == ('["a","b"]', "x", "1970-01-01")
    table = pa.parquet.read_table(io.BytesIO(http.get(f"{job['urls']['results']}?format=parquet").content))
    assert [str(table.schema.field(name).type) for name in others] == [
        "timestamp[us, tz=UTC]",
        "list<element: string>",
        "string",
        "int32",
    ]


def test_a_nul_in_a_bad_cell_is_told(http: httpx.Client) -> None:
    job = send(http, file(line(), line(latitude="1\0")))
    [error] = http.get(f"{job['urls']['errors']}?format=json").json()
    assert error["raw"] == "1\ufffd"


def test_results_can_be_followed(service: Service, http: httpx.Client) -> None:
    """From before the first record is scored to after the last."""
    service.stop("worker")
    made = http.post("/jobs", content=file(*[line()] * 25_000), headers=CSV).json()
    with http.stream("GET", f"{made['urls']['results']}?follow=true") as stream:
        service.start("worker")
        found = list(stream.iter_lines())
    assert http.get(made["urls"]["self"]).json()["status"] == "succeeded"
    assert [one.split(",")[0] for one in found[1:]] == [str(number) for number in range(25_000)]


def test_a_dry_run_tells_how_long_it_takes(http: httpx.Client) -> None:
    found = http.post("/jobs?dry_run=true", content=file(*[line()] * 100), headers=CSV).json()
    assert 0 <= found["estimated_seconds"] < 10


MOST = 4_000_000


@pytest.fixture(scope="module")
def narrow(
    trained: tuple[str, Path], running: tuple[Postgres, Valkey], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """An API whose uploads may have 4 MB."""
    addresses = {"DATABASE_URL": copy_database(trained[0]), "REDIS_URL": redis_url(running[1], 3)}
    limits = {"JOB_BYTES": str(MOST), "JSON_BYTES": "1000000", "JOB_RECORDS": "100000"}
    service = Service(addresses | limits | {"MODELS_URL": str(trained[1])}, tmp_path_factory.mktemp("narrow"))
    service.start("api")
    try:
        eventually(service.is_live)
        yield service
    finally:
        service.stop("api")


def repeated(text: str, times: int) -> bytes:
    """A column of one text, which Parquet holds once."""
    column = pa.DictionaryArray.from_arrays(np.zeros(times, np.int32), [text])
    sink = io.BytesIO()
    table = pa.table({**houses(times), "note": column})
    pa.parquet.write_table(table, sink, compression="zstd", dictionary_pagesize_limit=len(text) * 2)
    return sink.getvalue()


def one_page(value: bytes, times: int) -> bytes:
    """A column that is one page, which no reader can take in parts. Its footer says how large it is, but need not."""
    column = pa.array([value] * times, pa.binary(len(value)))
    sink = io.BytesIO()
    options = {"use_dictionary": False, "data_page_size": 1 << 30, "compression": "zstd", "write_batch_size": times}
    pa.parquet.write_table(pa.table({**houses(times), "note": column}), sink, **options)
    return sink.getvalue()


PACKED = {**CSV, "Content-Encoding": "gzip"}
BOMBS = {
    "bytes": lambda: (CSV, file(line()) + b"\n" * MOST),
    "json": lambda: ({"Content-Type": "application/json"}, b" " * 1_000_001),
    "records": lambda: (CSV, file(*["1,2"] * 100_001)),
    "gzip": lambda: (PACKED, gzip.compress(file(*[line()] * 1_000_000), 1)),
    "long line": lambda: (PACKED, gzip.compress(b" " * 100_000_000, 1)),
    "parquet": lambda: (PARQUET, parquet(**houses(1_000_000))),
    "parquet page": lambda: (PARQUET, one_page(b"x" * 1_000, 300_000)),
    "parquet text": lambda: (PARQUET, repeated("x" * 1_000_000, 40_000)),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_ends_at_the_limit(narrow: Service, name: str) -> None:
    headers, body = BOMBS[name]()
    assert name in ("bytes", "json") or len(body) < MOST
    before = rows(narrow)
    with narrow.user() as http:
        answer = http.post("/jobs", content=body, headers=headers)
    assert_problem(answer, 413, "too_large")
    assert rows(narrow) == before
    assert peak_memory(narrow) < 400


def peak_memory(service: Service) -> int:
    """Megabytes."""
    status = Path(f"/proc/{service.processes['api'].pid}/status").read_text()
    return int(next(one for one in status.splitlines() if one.startswith("VmHWM")).split()[1]) // 1024


@pytest.mark.parametrize("kind", ["text/csv", "multipart/form-data; boundary=cut"])
def test_an_upload_cut_off_leaves_nothing(narrow: Service, kind: str) -> None:
    before = rows(narrow)
    start = form('name="file"; filename="h.csv"\r\n') if kind.startswith("multipart") else b""
    with narrow.user() as http:
        head = f"POST /jobs HTTP/1.1\r\nHost: x\r\nX-API-Key: {http.headers['X-API-Key']}\r\n"
        head += f"Content-Type: {kind}\r\nContent-Length: 3000000\r\n\r\n"
        with socket.create_connection(("127.0.0.1", narrow.port)) as link:
            link.sendall(head.encode() + start + file(*[line()] * 40_000)[:2_000_000])
            eventually(lambda: unnamed_files(narrow) == 1)
        eventually(lambda: unnamed_files(narrow) == 0)
        assert http.get("/jobs").json()["items"] == []
    assert rows(narrow) == before


def unnamed_files(service: Service) -> int:
    """How many temporary files the API holds."""
    found = 0
    for one in Path(f"/proc/{service.processes['api'].pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # it was closed since
            found += "(deleted)" in str(one.readlink())
    return found
