"""JSON and NDJSON: objects become columns."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, BinaryIO

import numpy as np
import orjson
import pyarrow as pa

from api.blocks import MIXED, MOST_COLUMNS, RAW_CHARACTERS, Block, pieces, records_of, require
from api.bodies import parsed, refuse_twins
from shared.errors import Invalid, Malformed
from shared.features import Feature, Number, Problem
from shared.registry import Served
from shared.signature import Matrix, Signature

KINDS = {int: "int64", float: "double", str: "string", bool: "bool", type(None): "null"}
NO_OBJECT = "this line is not a JSON object with each key once"
BOM = b"\xef\xbb\xbf"
DEEPEST = 100
LARGEST = 2**63 - 1
EXACT = 2**53
FORMS = (
    'the body must be {"records": [{...}]} or {"columns": [...], "data": [[...]]}, and nothing else; '
    'pandas writes that as to_json(orient="split", index=False), and NDJSON as to_json(orient="records", lines=True)'
)

Rows = list[dict[str, Any]]


def line_blocks(file: BinaryIO, version: Served) -> Iterator[Block]:
    """One JSON object a line; a line that is none is a bad record.

    orjson parses a million lines of 9 members in 1.0 s, line by line, which is what pyarrow takes; that refuses a whole
    block for one bad line, and makes dates of text that looks like one.
    """
    for piece, first in pieces(file, end_of_line):
        lines = enumerate(piece.removeprefix(BOM).split(b"\n") if first == 1 else piece.split(b"\n"), start=first)
        numbered = [(number, line) for number, line in lines if line.strip()]
        rows, broken = [], {}
        for place, (_, line) in enumerate(numbered):
            row = parsed_line(line)
            if row is None:
                raw = line.decode(errors="replace")[:RAW_CHARACTERS]
                broken[place] = {"code": "malformed", "detail": NO_OBJECT, "raw": raw}
            rows.append(row or {})
        yield from row_blocks(rows, version, broken, [number for number, _ in numbered])


def end_of_line(data: bytes) -> int:
    return data.rfind(b"\n") + 1


def parsed_line(line: bytes) -> dict[str, Any] | None:
    """The object, if it is one that has each key once and can be written again."""
    try:
        row = orjson.loads(line)
        # Only a line with more colons than members, or many brackets, can have a key twice, or be deep.
        if not isinstance(row, dict) or (line.count(b":") > len(row) and has_twins(line)):
            return None
        return row if line.count(b"[") + line.count(b"{") < DEEPEST or orjson.dumps(row) else None
    except (orjson.JSONDecodeError, TypeError):
        return None


def has_twins(line: bytes) -> bool:
    try:
        refuse_twins(line)
    except Malformed:
        return True
    return False


def json_blocks(body: bytes, version: Served) -> Iterator[Block]:
    """`{"records": [{...}]}` or `{"columns": [...], "data": [[...]]}`."""
    written = parsed(body.removeprefix(BOM))
    try:
        orjson.dumps(written)
    except TypeError as error:
        raise Malformed("the body is nested too deeply; a record is one flat object") from error
    rows, broken = [], {}
    for place, row in enumerate(rows_of(written, version)):
        if not isinstance(row, dict):
            broken[place] = {"code": "malformed", "detail": row, "raw": ""}
        rows.append(row if isinstance(row, dict) else {})
    yield from row_blocks(rows, version, broken, None)


def rows_of(written: Any, version: Served) -> Iterable[Any]:
    """Each record as an object, or what is wrong with it."""
    members = written.keys() if isinstance(written, dict) else ()
    if members == {"records"} and isinstance(written["records"], list):
        return (row if isinstance(row, dict) else "this record is not a JSON object" for row in written["records"])
    if members != {"columns", "data"} or not all(isinstance(part, list) for part in written.values()):
        raise Invalid(FORMS)
    names = written["columns"]
    if not all(isinstance(name, str) for name in names):
        raise Invalid("the names in columns must be text")
    require(names, version)
    return (of_row(row, names) for row in written["data"])


def of_row(row: Any, names: list[str]) -> dict[str, Any] | str:
    if not isinstance(row, list) or len(row) != len(names):
        return f"this row is not a list of {len(names)} values, one for each column"
    return dict(zip(names, row, strict=True))


def row_blocks(rows: Rows, version: Served, broken: Mapping[int, Problem], lines: list[int] | None) -> Iterator[Block]:
    """The records in blocks, which are shorter where the records have many members."""
    names = dict.fromkeys(chain.from_iterable(rows))
    if len(names) > MOST_COLUMNS:
        raise Invalid(f"the records have {len(names):,} members; they may have at most {MOST_COLUMNS:,}")
    step = records_of(len(names))
    for first in range(0, len(rows), step):
        several = range(first, min(first + step, len(rows)))
        part = {place - first: broken[place] for place in several if place in broken}
        yield row_block(rows[first : first + step], version, part, lines and lines[first : first + step])


def row_block(rows: Rows, version: Served, broken: Mapping[int, Problem], lines: list[int] | None) -> Block:
    """Records that came as objects. Their other members are kept as JSON text, whatever their type."""
    signature = version.signature
    matrix: Matrix = np.full((len(rows), len(signature.inputs)), np.nan)
    problems: dict[int, list[Problem]] = {}
    for position, feature in enumerate(signature.inputs):
        fill(matrix[:, position], feature, [row.get(feature.name) for row in rows], problems)
    for place, problem in broken.items():
        matrix[place], problems[place] = np.nan, [problem]
    if lines:
        for place, found in problems.items():
            problems[place] = [{**problem, "line": lines[place]} for problem in found]
    return Block(matrix, problems, other_members(rows, signature))


def fill(column: Any, feature: Feature, values: list[Any], problems: dict[int, list[Problem]]) -> None:
    """A column of numbers at once if it is one; else value by value."""
    kinds = set(map(type, values))
    if isinstance(feature, Number) and kinds <= {float, int, type(None)}:
        column[:] = np.array(values, dtype=float)
        missing = np.array([value is None for value in values]) if type(None) in kinds else np.zeros(len(values), bool)
        suspects = feature.suspects(column, missing)
        for place in np.flatnonzero(suspects & missing).tolist():
            problems.setdefault(place, []).append(feature.absent)
        places: Iterable[int] = np.flatnonzero(suspects & ~missing).tolist()
    else:
        places = range(len(values))
    for place in places:
        value = values[place]
        if problem := feature.check_value(value):
            raw = orjson.dumps(value).decode(errors="replace")[:RAW_CHARACTERS]
            problems.setdefault(place, []).append({**problem, "raw": raw})
        else:
            column[place] = np.nan if value is None else feature.encode(value)


def other_members(rows: Rows, signature: Signature) -> Any:
    """A table of JSON text, which of each column tells what is written there; None if there is nothing else."""
    known = set(signature.names)
    names = [name for name in dict.fromkeys(chain.from_iterable(rows)) if name not in known]
    if not names:
        return None
    columns = [written([row.get(name, ...) for row in rows]) for name in names]
    fields = [
        pa.field(name, pa.string(), metadata={"json": kind}) for name, (kind, _) in zip(names, columns, strict=True)
    ]
    return pa.table([column for _, column in columns], schema=pa.schema(fields))


def written(values: list[Any]) -> tuple[str, Any]:
    """What the values of a column are, and the column as JSON text; null where a record has no such member."""
    texts = [None if value is ... else orjson.dumps(value).decode() for value in values]
    return kind_of(values), pa.array(texts, pa.string())


def kind_of(values: list[Any]) -> str:
    kinds = {KINDS.get(kind, MIXED) for kind in set(map(type, values)) - {type(...)}} - {"null"}
    if not kinds:
        return "null"
    if "int64" in kinds and kinds <= {"int64", "double"}:
        largest = max(abs(value) for value in values if type(value) is int)
        if largest > (LARGEST if kinds == {"int64"} else EXACT):
            return MIXED
        return "double" if "double" in kinds else "int64"
    return kinds.pop() if len(kinds) == 1 else MIXED
