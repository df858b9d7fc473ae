"""What the files of results hold: every type in every format, each column once, and nothing left out in silence."""

import asyncio
import csv
import io
import json
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import httpx
import pyarrow as pa
import pyarrow.parquet
import pytest
from sqlalchemy import create_engine, text

from api.cells import refuse_unwritable
from api.extras import of_json
from api.formats import WRITERS, accepted
from api.results import NOTHING, parts, result_table, written
from api.state import State
from shared import jobs, lookup, registry, users
from shared.db import transaction
from shared.errors import Invalid, NotFound
from shared.features import Number
from shared.jobs import NewBulk, NewSlice
from shared.lookup import SliceRow
from shared.settings import with_driver
from shared.signature import Signature
from tests.api.test_bulk import CSV, NAMES, file, line, results, send
from tests.api.test_uploads import NDJSON, PARQUET, houses, ndjson, parquet
from tests.conftest import HOUSE, ROOT, Service

FORMATS = ["csv", "ndjson", "json", "parquet"]


def read(form: str, content: bytes) -> list[dict[str, Any]]:
    if form == "parquet":
        rows: list[dict[str, Any]] = pa.parquet.read_table(io.BytesIO(content)).to_pylist()
        return rows
    if form == "csv":
        return list(csv.DictReader(io.StringIO(content.decode(), newline="")))
    return list(map(json.loads, content.splitlines())) if form == "ndjson" else json.loads(content)


# Of each type two cells, the second one null, and what the first one is in JSON. CSV has the same where it is text.
TYPED: dict[str, tuple[Any, list[Any], Any]] = {
    "nanoseconds": (pa.timestamp("ns"), [1], "1970-01-01T00:00:00.000000001"),
    "zone": (pa.timestamp("ns", "Europe/Berlin"), [1], "1970-01-01T01:00:00.000000001+01:00"),
    "utc": (pa.timestamp("us", "UTC"), [1], "1970-01-01T00:00:00.000001Z"),
    "offset": (pa.timestamp("ms", "+05:30"), [1], "1970-01-01T05:30:00.001+05:30"),
    "last": (pa.timestamp("us"), [253_402_300_799_000_000], "9999-12-31T23:59:59.000000"),
    "late": (pa.timestamp("us"), [253_402_300_800_000_000], "253402300800000000"),
    "late zone": (pa.timestamp("us", "Europe/Berlin"), [2**63 - 1], str(2**63 - 1)),
    "early": (pa.timestamp("ms"), [-(2**63)], str(-(2**63))),
    "day": (pa.date32(), [date(2024, 2, 29)], "2024-02-29"),
    "late day": (pa.date32(), [2_932_897], "2932897"),
    "milliseconds day": (pa.date64(), [datetime(2024, 2, 29)], "2024-02-29"),
    "time": (pa.time64("ns"), [1], "00:00:00.000000001"),
    "duration": (pa.duration("ns"), [1_500], "1500"),
    "price": (pa.decimal128(15, 2), [Decimal("0.10")], 0.1),
    "long price": (pa.decimal128(38, 2), [Decimal("123456789012345678.10")], "123456789012345678.10"),
    "longer price": (pa.decimal256(60, 2), [Decimal("0.10")], "0.10"),
    "flag": (pa.bool_(), [True], True),
    "large": (pa.uint64(), [2**64 - 1], 2**64 - 1),
    "half": (pa.float16(), [1.5], 1.5),
    "nothing": (pa.null(), [None], None),
    "kind": (pa.dictionary(pa.int32(), pa.string()), ["x"], "x"),
    "view": (pa.string_view(), ["x"], "x"),
    "tags": (pa.list_(pa.string()), [["a", None]], ["a", None]),
    "moments": (pa.list_(pa.timestamp("ns")), [[1]], ["1970-01-01T00:00:00.000000001"]),
    "pair": (pa.list_(pa.int8(), 2), [[1, 2]], [1, 2]),
    "house": (pa.struct([("n", pa.time64("ns")), ("p", pa.decimal128(3, 1))]), [{"n": 1, "p": Decimal("1.5")}], ...),
    "counts": (pa.map_(pa.string(), pa.duration("ns")), [[("a", 1), ("b", None)]], [["a", "1"], ["b", None]]),
}
IN_JSON = {name: expected for name, (_, _, expected) in TYPED.items()}
IN_JSON["house"] = {"n": "00:00:00.000000001", "p": 1.5}


def typed() -> Any:
    return pa.table({name: pa.array([*values, None], kind) for name, (kind, values, _) in TYPED.items()})


def write_typed(folder: Path) -> None:
    """In each format, as two slices; as a program of its own, for which there is no pandas."""
    assert "pandas" not in sys.modules
    table = typed()
    for form, writer in WRITERS.items():
        file = writer(table.slice(0, 0))
        content = file.write(table.slice(0, 1)) + file.write(table.slice(1))
        (folder / form).write_bytes(content + file.end())


WITHOUT_PANDAS = """
import sys
from pathlib import Path
class Missing:
    def find_spec(self, name, *_):
        if name == "pandas":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Missing())
from tests.api.test_results import write_typed
write_typed(Path(sys.argv[1]))
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("typed")
    subprocess.run([sys.executable, "-c", WITHOUT_PANDAS, str(folder)], cwd=ROOT, check=True)
    return folder


@pytest.mark.parametrize("form", ["ndjson", "json"])
def test_json_holds_every_type(files: Path, form: str) -> None:
    first, second = read(form, (files / form).read_bytes())
    assert first == IN_JSON
    assert second == dict.fromkeys(TYPED)


def test_csv_holds_every_type(files: Path) -> None:
    first, second = read("csv", (files / "csv").read_bytes())
    numbers = {"price": "0.10", "flag": "true", "large": str(2**64 - 1), "half": "1.5", "nothing": ""}
    for name, expected in (IN_JSON | numbers).items():
        assert first[name] == expected or json.loads(first[name]) == expected
    assert set(second.values()) == {""}


def test_parquet_holds_every_type_as_it_is(files: Path) -> None:
    table = pa.parquet.read_table(files / "parquet")
    kinds = {name: kind for name, (kind, _, _) in TYPED.items()} | {"milliseconds day": pa.date32()}
    assert dict(zip(table.column_names, table.schema.types, strict=True)) == kinds
    assert read("ndjson", WRITERS["ndjson"](table).write(table))[0] == IN_JSON


def test_every_type_may_come() -> None:
    refuse_unwritable(typed().schema)


@pytest.mark.parametrize(
    "kind",
    [
        pa.binary(),
        pa.large_binary(),
        pa.binary(16),
        pa.binary_view(),
        pa.uuid(),
        pa.month_day_nano_interval(),
        pa.timestamp("us", "Mars/Base"),
        pa.list_(pa.timestamp("us", "Mars/Base")),
        pa.dictionary(pa.int32(), pa.binary()),
        pa.map_(pa.binary(), pa.string()),
        pa.struct([("a", pa.int8()), ("a", pa.int8())]),
        pa.struct([]),
    ],
    ids=str,
)
def test_what_a_format_cannot_hold_does_not_come(kind: Any) -> None:
    with pytest.raises(Invalid, match=r'the column "odd" is of type .*; store it as text, or leave it out'):
        refuse_unwritable(pa.schema([("fine", pa.string()), ("odd", kind)]))


def test_what_is_nested_too_deeply_does_not_come() -> None:
    kind = pa.int8()
    for _ in range(1_000):
        kind = pa.list_(kind)
    with pytest.raises(Invalid):
        refuse_unwritable(pa.schema([("deep", kind)]))


def test_parquet_with_bytes_is_refused(http: httpx.Client) -> None:
    answer = http.post("/jobs", content=parquet(**houses(1), photo=pa.array([b"\xff"])), headers=PARQUET)
    assert answer.status_code == 422
    assert '"photo" is of type binary' in answer.json()["detail"]


@pytest.mark.parametrize("form", FORMATS)
def test_columns_of_parquet_come_back(http: httpx.Client, form: str) -> None:
    table = typed().drop_columns("view")  # which is read as plain text, if at all
    others = dict(zip(table.column_names, table.columns, strict=True))
    job = send(http, parquet(**houses(2), **others), PARQUET)
    content = http.get(f"{job['urls']['results']}?format={form}").content
    if form == "parquet":
        table = pa.parquet.read_table(io.BytesIO(content))
        form, content = "ndjson", WRITERS["ndjson"](table).write(table)
    first, second = read(form, content)
    assert form == "csv" or {name: first[name] for name in others} == {name: IN_JSON[name] for name in others}
    assert not any(second[name] for name in others)


DOUBLED = ["record", "input.record", "value", "input.value", "input.input.value", "other"]
FREE = ["input.record", "input.input.record", "input.value", "input.input.value", "input.input.input.value", "other"]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("include", ["", "&include=inputs"])
def test_each_column_has_a_name_of_its_own(http: httpx.Client, form: str, include: str) -> None:
    body = file(f"{line()},{','.join(DOUBLED)}", header=",".join([*NAMES, *DOUBLED]))
    job = send(http, body)
    [row] = read(form, http.get(f"{job['urls']['results']}?format={form}{include}").content)
    assert [row[name] for name in FREE] == DOUBLED
    names = ["record", *(NAMES if include else []), "value", "low", "high", "error"]
    assert list(row) == [*names, *FREE]


def sliced(inputs: list[str], outputs: list[str], extras: dict[str, Any], first: list[list[Any]]) -> Any:
    """The results of a slice whose version has these names."""
    sink = pa.BufferOutputStream()
    table = pa.table(extras)
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    signature = Signature(inputs=tuple(Number(name=name) for name in inputs), outputs=tuple(outputs))
    row: Any = SimpleNamespace(signature=signature, extras=dict.fromkeys(extras, "string"))
    stored = [json.dumps(rows) for rows in first]
    part = SliceRow(0, 1, "succeeded", stored[0], sink.getvalue().to_pybytes(), stored[1], None)
    return result_table(row, part, True, True)


def test_a_feature_is_not_taken_for_an_output() -> None:
    table = sliced(["value", "error", "a"], ["value"], {"input.value": ["x"]}, [[[1, 2, 3]], [[4]]])
    assert table.to_pylist() == [
        {"record": 0, "input.value": 1, "input.error": 2, "a": 3, "value": 4, "error": None, "input.input.value": "x"}
    ]


def test_a_wide_table_takes_no_longer_for_each_of_its_columns() -> None:
    began = time.monotonic()
    table = sliced(["a"], ["value"], {f"c{number}": ["x"] for number in range(5_000)}, [[[1]], [[2]]])
    assert len(table.schema) == 5_004
    assert time.monotonic() - began < 2  # 0.1 s; column by column it were 8


def test_files_are_made_in_threads() -> None:
    """Also the names of the columns, which is all that there is of a job of which nothing is settled."""
    seen: set[int] = set()

    def table(_: SliceRow) -> Any:
        seen.add(threading.get_ident())
        return pa.table({"record": [1]})

    async def nothing() -> AsyncIterator[list[SliceRow]]:
        for part in ([NOTHING], [NOTHING]):
            yield part

    async def write() -> bytes:
        return b"".join([data async for data in written(nothing(), "csv", table)])

    assert asyncio.run(write()) == b'"record"\n1\n1\n'
    assert threading.get_ident() not in seen


LARGE: list[dict[str, Any]] = [{"id": 2**63, "share": 1}, {"id": 2**64 - 1, "share": 2**60}, {"id": 1, "share": None}]


@pytest.mark.parametrize("form", FORMATS)
def test_large_integers_of_json_come_back(http: httpx.Client, form: str) -> None:
    job = send(http, ndjson(*[{**HOUSE, **others} for others in LARGE]), NDJSON)
    found = read(form, http.get(f"{job['urls']['results']}?format={form}").content)
    ids = [one["id"] for one in LARGE]
    assert [row["id"] for row in found] == (list(map(str, ids)) if form in ("csv", "parquet") else ids)
    assert int(found[1]["share"]) == 2**60


def test_integers_among_doubles_become_doubles() -> None:
    """Of several blocks, each of which had them right."""
    assert of_json(["9007199254740993", "0.5", "null", None, str(2**64 - 1)], "double").to_pylist() == [
        9007199254740992.0,
        0.5,
        None,
        None,
        18446744073709551616.0,
    ]


def test_what_is_mixed_comes_as_it_is_written() -> None:
    assert of_json(['"a\\n"', "18446744073709551615", '{"b":1.0}', "null", None, '""'], "json").to_pylist() == [
        "a\n",
        "18446744073709551615",
        '{"b":1.0}',
        None,
        None,
        "",
    ]


@pytest.mark.parametrize("form", FORMATS)
def test_head_says_no_length(http: httpx.Client, form: str) -> None:
    job = send(http, file(line(), line(latitude="x")))
    for kind in ("results", "errors"):
        answer = http.head(f"{job['urls'][kind]}?format={form}")
        assert (answer.status_code, answer.content) == (200, b"")
        assert "content-length" not in answer.headers
        assert answer.headers["content-type"] == http.get(answer.url).headers["content-type"]


@pytest.mark.parametrize(
    ("header", "form"),
    [
        ("", "csv"),
        ("application/json", "json"),
        ("Application/JSON; charset=utf-8", "json"),
        ("text/csv;q=0.1, application/x-ndjson;q=0.2", "ndjson"),
        ("application/x-ndjson;q=0.2,application/json;q=0.2", "ndjson"),
        ("application/json, application/x-ndjson", "json"),
        ("application/json;q=0, application/x-ndjson;q=0.1", "ndjson"),
        ("application/json; q=0.000", "csv"),
        ("*/*", "csv"),
        ("text/*", "csv"),
        ("application/*", "ndjson"),
        ("text/csv;q=0, */*", "ndjson"),
        ("text/csv;q=0.1, */*;q=0.5, application/json", "json"),
        ("application/json, text/plain, */*", "json"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "csv"),
        ("application/json-seq", "csv"),
        ("application/jsonx, application/vnd.apache.parquet+zip", "csv"),
        ("image/png", "csv"),
        ("application/json;q=high", "json"),
        (";,;;,", "csv"),
    ],
)
def test_what_a_client_accepts(header: str, form: str) -> None:
    assert accepted(header) == form


def test_accept_is_read_from_the_request(http: httpx.Client) -> None:
    job = send(http, file(line()))
    key = ("X-API-Key", http.headers["X-API-Key"])
    headers = [key, ("Accept", "application/json;q=0.1"), ("Accept", "application/x-ndjson")]
    answer = httpx.get(f"{http.base_url}{job['urls']['results']}", headers=headers)
    assert answer.headers["content-type"] == "application/x-ndjson"


def test_empty_cells_come_back_empty(http: httpx.Client) -> None:
    header = ",".join([*NAMES, "note", "more"])
    job = send(http, file(f'{line()},"",', f"{line()},,x", header=header))
    assert [(row["note"], row["more"]) for row in results(http, job)] == [("", ""), ("", "x")]
    columns = {"note": pa.array(["", None]), "more": pa.array([None, 1])}
    job = send(http, parquet(**houses(2), **columns), PARQUET)
    assert [(row["note"], row["more"]) for row in results(http, job)] == [("", ""), ("", "1")]
    assert http.get(job["urls"]["results"]).text.splitlines()[1].endswith(',,"",')


@pytest.mark.parametrize("form", FORMATS)
def test_a_download_breaks_off_when_the_job_is_deleted(service: Service, http: httpx.Client, form: str) -> None:
    before = len(service.log("api"))
    service.stop("worker")
    try:
        job = http.post("/jobs", content=file(*[line()] * 10), headers=CSV).json()
        with http.stream("GET", f"{job['urls']['results']}?follow=true&format={form}") as stream:
            delete(service, job["id"])
            with pytest.raises(httpx.RemoteProtocolError):
                stream.read()
    finally:
        service.start("worker")
    log = service.log("api")[before:]
    assert "a download was broken off" in log
    assert "Traceback" not in log


def delete(service: Service, job: str) -> None:
    """As an operator may, while it is not finished."""
    engine = create_engine(with_driver(service.env["DATABASE_URL"]))
    with engine.begin() as connection:
        assert connection.execute(text("DELETE FROM jobs WHERE id = :job"), {"job": job}).rowcount == 1
    engine.dispose()


SIZE = 2


@pytest.fixture
def stored(trained_database: str) -> UUID:
    """A finished job of six slices, of which the fifth was canceled, and the others are settled for good."""
    refused = [{"offset": offset, "refused": True, "code": "type", "detail": "x"} for offset in range(SIZE)]
    slices = [
        NewSlice(place * SIZE, SIZE, json.dumps([[1.0] * 8] * SIZE).encode(), None, [] if place == 4 else refused)
        for place in range(6)
    ]
    with transaction() as session:
        user, version = users.create(session, "a@example.org", "a"), registry.find(session, "housing")
        job = NewBulk(jobs.new_id(), user.id, version.id, None, {})
        assert jobs.accept_bulk(session, job, slices, jobs.Found()) == 1
    with transaction() as session:
        assert jobs.cancel(session, job.id)
    return job.id


@pytest.mark.parametrize("follow", [False, True])
@pytest.mark.parametrize("what", [lookup.OUTPUTS, lookup.ERRORS])
def test_slices_of_a_job_that_is_deleted_meanwhile(stored: UUID, what: Any, follow: bool) -> None:
    async def download() -> None:
        async with State() as state:
            row = await state.read(stored)
            assert row is not None
            found = parts(state, row, what, follow)
            assert [part.first for part in await anext(found)] == [0, 2, 4, 6]
            with transaction() as session:
                assert jobs.delete(session, stored)
            with pytest.raises(NotFound):
                await anext(found)

    asyncio.run(download())


def test_what_is_followed_has_no_gap(stored: UUID) -> None:
    """Also when the job was finished, and is tried again while it is read."""

    async def download() -> None:
        async with State() as state:
            row = await state.read(stored)
            assert row is not None
            found = parts(state, row, lookup.OUTPUTS, follow=True)
            seen = [part.first for part in await anext(found)]
            change(jobs.retry)
            following = asyncio.ensure_future(anext(found))
            await asyncio.wait([following], timeout=0.5)
            assert not following.done()
            change(jobs.cancel)
            seen += [part.first for part in await following]
            assert seen == list(range(0, 6 * SIZE, SIZE))
            assert [part async for part in found] == []

    def change(step: Any) -> None:
        with transaction() as session:
            assert step(session, stored)

    asyncio.run(download())


def test_what_is_not_followed_ends_with_what_is_settled(stored: UUID) -> None:
    async def download() -> list[int]:
        async with State() as state:
            row = await state.read(stored)
            assert row is not None
            return [part.first async for several in parts(state, row, lookup.OUTPUTS, False) for part in several]

    with transaction() as session:
        assert jobs.retry(session, stored) == 1
    assert asyncio.run(download()) == [0, 2, 4, 6, 10]
