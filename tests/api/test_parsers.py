"""Everything that reads what a client sent: what is whole comes through as it was, and nothing else does more harm than
a refusal.
"""

import csv
import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from api import parameters, spool
from api.blocks import Block
from api.cells import listed
from api.csv_blocks import csv_blocks
from api.formats import KNOWN, accepted
from api.json_blocks import json_blocks, line_blocks
from api.parquet_blocks import parquet_blocks
from shared.errors import ScorelineError
from shared.features import Boolean, Category, Date, Number, is_date
from shared.registry import Ref, Served
from shared.signature import Signature

SIGNATURE = Signature(
    inputs=(
        Number(name="rooms", minimum=0, maximum=1e6),
        Number(name="age", nullable=True),
        Category(name="coast", categories=("BAY", "INLAND")),
        Boolean(name="pool", nullable=True),
        Date(name="sold", nullable=True),
    ),
    outputs=("value",),
)
VERSION = Served(1, "m", 1, SIGNATURE, 100)
NAMES = list(SIGNATURE.names)
few = settings(max_examples=60, derandomize=True, database=None, deadline=None)
many = settings(max_examples=100, derandomize=True, database=None, deadline=None)

DAYS = st.dates().map(str)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n"), max_size=12)
RECORDS = st.lists(
    st.fixed_dictionaries(
        {
            "rooms": st.floats(0, 1e6),
            "age": st.none() | st.floats(-1e300, 1e300),
            "coast": st.sampled_from(["BAY", "INLAND"]),
            "pool": st.none() | st.booleans(),
            "sold": st.none() | DAYS,
            "note": TEXTS,
        }
    ),
    min_size=1,
    max_size=8,
)
# Pieces of which files are made, well and badly.
PIECES = st.sampled_from(
    [
        *NAMES,
        *(",", ";", "\t", "|", '"', '""', "\n", "\r\n", "\r", "\0", "{", "}", "[", "]", ":", "null", "NaN", "1e999"),
        *("1", "-1", "1,5", "1_0", "true", "BAY", "2020-01-01", "\\ud800", "\\u0000", "\ufeff", "é", "sep=;\n", "'"),
        *('"records"', '"columns"', '"data"', '{"rooms":1}', "rooms,coast\n1,BAY\n", " "),
    ]
)
TEXT_FILES = st.lists(PIECES, max_size=25).map(lambda pieces: "".join(pieces).encode())
FILES = TEXT_FILES | TEXT_FILES.map(lambda body: b"rooms,coast\n" + body) | st.binary(max_size=60)


def scored(blocks: Iterator[Block]) -> list[list[Any]]:
    rows = []
    for block in blocks:
        assert not block.problems
        rows += SIGNATURE.decode(block.matrix)
    return rows


def expected(records: list[dict[str, Any]]) -> list[list[Any]]:
    return [[record[name] for name in NAMES] for record in records]


def as_parquet(records: list[dict[str, Any]]) -> bytes:
    kinds = [pa.float64(), pa.float64(), pa.string(), pa.bool_(), pa.string(), pa.string()]
    schema = pa.schema(list(zip([*NAMES, "note"], kinds, strict=True)))
    sink = io.BytesIO()
    pa.parquet.write_table(pa.Table.from_pylist(records, schema=schema), sink)
    return sink.getvalue()


def refused(work: Callable[[], Any]) -> Any:
    """What it gives; None if it is refused with a status of the client's side."""
    try:
        return work()
    except ScorelineError as error:
        found = error
    assert 400 <= found.status < 500
    assert orjson.dumps([found.detail, found.errors])
    return None


@few
@given(RECORDS, st.sampled_from(",;\t|"), st.sampled_from(["\n", "\r\n"]))
def test_csv_comes_through(records: list[dict[str, Any]], delimiter: str, end: str) -> None:
    sink = io.StringIO()
    writer = csv.writer(sink, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerow([*NAMES, "note"])
    writer.writerows(
        [*("" if record[name] is None else record[name] for name in NAMES), record["note"]] for record in records
    )
    blocks = list(csv_blocks(io.BytesIO(sink.getvalue().encode()), "utf-8", None, VERSION))
    assert scored(iter(blocks)) == expected(records)
    assert [note for block in blocks for note in block.extras["note"].to_pylist()] == [one["note"] for one in records]


@few
@given(RECORDS)
def test_json_comes_through(records: list[dict[str, Any]]) -> None:
    lines = b"".join(orjson.dumps(record) + b"\n" for record in records)
    forms = (
        {"records": records},
        {"columns": [*NAMES, "note"], "data": [[row[name] for name in [*NAMES, "note"]] for row in records]},
    )
    found = [line_blocks(io.BytesIO(lines), VERSION), *(json_blocks(orjson.dumps(form), VERSION) for form in forms)]
    for blocks in map(list, found):
        assert scored(iter(blocks)) == expected(records)
        notes = [json.loads(note) for block in blocks for note in block.extras["note"].to_pylist()]
        assert notes == [one["note"] for one in records]


@few
@given(RECORDS)
def test_parquet_comes_through(records: list[dict[str, Any]]) -> None:
    blocks = list(parquet_blocks(io.BytesIO(as_parquet(records)), VERSION, 1 << 20))
    assert scored(iter(blocks)) == expected(records)
    assert [note for block in blocks for note in block.extras["note"].to_pylist()] == [one["note"] for one in records]


@many
@given(FILES, st.sampled_from(["utf-8", "latin-1", "cp1252", "utf-16", "x\0", ""]), st.sampled_from([None, ";", "\t"]))
@example(b"rooms,coast\n1,BAY\n", "utf-8", None)
def test_no_csv_is_too_strange(body: bytes, charset: str, delimiter: str | None) -> None:
    refused(lambda: list(csv_blocks(io.BytesIO(body), charset, delimiter, VERSION)))


@many
@given(FILES)
def test_no_json_is_too_strange(body: bytes) -> None:
    refused(lambda: list(line_blocks(io.BytesIO(body), VERSION)))
    refused(lambda: list(json_blocks(body, VERSION)))


@many
@given(RECORDS, st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_no_parquet_is_too_strange(records: list[dict[str, Any]], changes: list[tuple[float, int]]) -> None:
    body = bytearray(as_parquet(records))
    for place, value in changes:
        body[int(place * (len(body) - 1))] = value
    refused(lambda: list(parquet_blocks(io.BytesIO(bytes(body)), VERSION, 1 << 20)))


@pytest.mark.parametrize("bit", [1, 16])
def test_no_footer_of_parquet_ends_the_process(bit: int) -> None:
    """As one did in which a column has another number of levels than the schema says, when pyarrow was asked for it."""
    sink = io.BytesIO()
    pa.parquet.write_table(pa.table({"rooms": [1.0, None], "coast": ["BAY", "BAY"]}), sink)
    whole = sink.getvalue()
    for place in range(len(whole) - int.from_bytes(whole[-8:-4], "little") - 8, len(whole)):
        body = bytearray(whole)
        body[place] ^= bit
        refused(lambda body=bytes(body): list(parquet_blocks(io.BytesIO(body), VERSION, 1 << 20)))


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@many
@given(JSON_VALUES | st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, JSON_VALUES)))
def test_no_record_is_too_strange(record: Any) -> None:
    values = refused(lambda: SIGNATURE.check_record(record, "m:1"))
    if values is not None:
        assert np.isfinite(SIGNATURE.encode([values])[0, 0])
        assert SIGNATURE.decode(SIGNATURE.encode([values])) == [values]


# Whatever reads a parameter or a header, with all that may stand there.
READERS: list[Callable[[str], Any]] = [
    parameters.job_id,
    parameters.record_id,
    parameters.cursor,
    parameters.model_filter,
    parameters.delimiter,
    parameters.job_name,
    Ref.parse,
    is_date,
    spool.typed,
    lambda text: spool.kind_of(text, packed=False),
    lambda text: parameters.expires_in({"expires_in": text}),
    lambda text: parameters.metadata({f"meta.{text}": text}),
    lambda text: parameters.envelope({"input": text, "model": text, text: text}),
]
WORDS = st.lists(
    st.sampled_from(
        ["housing", ":", "@", "3", "0" * 40, ".", "-", "a" * 70, "\0", "\u0661", "1e9", "text/csv", ";", "q=", "*/*"]
    )
    | st.text(max_size=4)
    | st.uuids().map(str),
    max_size=4,
).map("".join)


@pytest.mark.parametrize("reader", READERS)
@few
@given(text=WORDS)
def test_no_parameter_is_too_strange(reader: Callable[[str], Any], text: str) -> None:
    refused(lambda: reader(text))


@few
@given(st.uuids(), st.integers(0, 999_999_999))
def test_cursors_come_through(job: Any, record: int) -> None:
    assert parameters.cursor(f"{job}.{record}") == (job, record)


@few
@given(st.from_regex(r"\A[a-z0-9][a-z0-9_-]{0,63}\Z"), st.integers(1, 999_999_999))
def test_references_come_through(model: str, number: int) -> None:
    assert str(Ref.parse(f"{model}:{number}")) == f"{model}:{number}"


@few
@given(WORDS)
def test_every_accept_has_a_format(text: str) -> None:
    assert accepted(text) in KNOWN.values()


@few
@given(st.permutations([*KNOWN]), st.sampled_from(["", " ;q=0.3", "; Q=0"]))
def test_the_format_that_is_liked_most_is_chosen(kinds: list[str], tail: str) -> None:
    first, *others = kinds
    header = ", ".join(
        [f"{first};q=0.9", *(f"{kind};q=0.{8 - place}" for place, kind in enumerate(others)), f"*/*{tail}"]
    )
    assert accepted(header) == KNOWN[first] or tail == ""


@few
@given(st.lists(st.none() | st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), max_size=3), max_size=5))
def test_lists_in_cells_come_through(values: list[Any]) -> None:
    assert listed(pa.array(values, pa.list_(pa.int64()))) == values
    assert listed(pa.array([{"a": value} for value in values], pa.struct([("a", pa.list_(pa.int64()))]))) == [
        {"a": value} for value in values
    ]


@few
@given(DAYS)
def test_days_come_through(day: str) -> None:
    date = Date(name="sold")
    assert date.check_value(day) is None
    assert date.decode(date.encode(day)) == day
