"""JSON and NDJSON: objects become columns."""

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any, BinaryIO

import numpy as np
import orjson
import pyarrow as pa

from api.blocks import MIXED, MOST_COLUMNS, RAW_CHARACTERS, RECORDS, Block, pieces, require
from shared.errors import Invalid, Malformed
from shared.registry import Served
from shared.signature import Feature, Matrix, Problem, Signature

KINDS = {int: "int64", float: "double", str: "string", bool: "bool", type(None): "null"}
NO_OBJECT = "this line is not a JSON object"


def line_blocks(file: BinaryIO, version: Served) -> Iterator[Block]:
    """One JSON object a line; a line that is none is a bad record.

    orjson parses a million lines of 9 members in 1.0 s, line by line, which is what pyarrow takes; that refuses a whole
    block for one bad line, and makes dates of text that looks like one.
    """
    for piece, first in pieces(file, end_of_line):
        lines = enumerate(piece.split(b"\n"), start=first)
        numbered = ((number, line) for number, line in lines if line.strip())
        while several := list(islice(numbered, RECORDS)):
            yield block_of_lines(several, version)


def end_of_line(data: bytes) -> int:
    return data.rfind(b"\n") + 1


def block_of_lines(numbered: list[tuple[int, bytes]], version: Served) -> Block:
    rows, broken = [], {}
    for place, (_, line) in enumerate(numbered):
        row = parsed_line(line)
        if not isinstance(row, dict):
            raw = line.decode(errors="replace")[:RAW_CHARACTERS]
            broken[place] = {"code": "malformed", "detail": NO_OBJECT, "raw": raw}
        rows.append(row if isinstance(row, dict) else {})
    return row_block(rows, version, broken, [number for number, _ in numbered])


def parsed_line(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return None


def json_blocks(body: bytes, version: Served) -> Iterator[Block]:
    """`{"records": [{...}]}` or `{"columns": [...], "data": [[...]]}`."""
    try:
        written = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Malformed(f"the body is not JSON: {error}") from error
    rows = iter(rows_of(written, version))
    while several := list(islice(rows, RECORDS)):
        broken = {
            place: {"code": "malformed", "detail": "this record is not a JSON object"}
            for place, row in enumerate(several)
            if not isinstance(row, dict)
        }
        yield row_block([row if isinstance(row, dict) else {} for row in several], version, broken, None)


def rows_of(written: Any, version: Served) -> Iterable[Any]:
    if isinstance(written, dict) and isinstance(written.get("records"), list):
        records: list[Any] = written["records"]
        return records
    if not (
        isinstance(written, dict) and isinstance(written.get("columns"), list) and isinstance(written.get("data"), list)
    ):
        raise Invalid('the body must be {"records": [{...}]} or {"columns": [...], "data": [[...]]}')
    names = written["columns"]
    if not all(isinstance(name, str) for name in names):
        raise Invalid("the names in columns must be text")
    require(names, version)
    return (dict(zip(names, row, strict=True)) if fits(row, names) else None for row in written["data"])


def fits(row: Any, names: list[str]) -> bool:
    return isinstance(row, list) and len(row) == len(names)


def row_block(
    rows: list[dict[str, Any]], version: Served, broken: dict[int, Problem], lines: list[int] | None
) -> Block:
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
    if kinds <= {float, int} or (feature.nullable and kinds <= {float, int, type(None)}):
        column[:] = np.array(values, dtype=float)
        missing = np.array([value is None for value in values]) if type(None) in kinds else np.zeros(len(values), bool)
        suspects: Iterable[int] = np.flatnonzero(feature.suspects(column, missing)).tolist()
    else:
        suspects = range(len(values))
    for place in suspects:
        value = values[place]
        if problem := feature.check_value(value):
            raw = orjson.dumps(value).decode(errors="replace")[:RAW_CHARACTERS]
            problems.setdefault(place, []).append({**problem, "raw": raw})
        else:
            column[place] = np.nan if value is None else value


def other_members(rows: list[dict[str, Any]], signature: Signature) -> Any:
    """A table of JSON text, which of each column tells what is written there; None if there is nothing else."""
    known = set(signature.names)
    names = [name for name in dict.fromkeys(chain.from_iterable(rows)) if name not in known]
    if len(names) > MOST_COLUMNS:
        raise Invalid(f"the records have {len(names):,} other members; they may have at most {MOST_COLUMNS:,}")
    if not names:
        return None
    columns = [written([row.get(name, ...) for row in rows]) for name in names]
    fields = [
        pa.field(name, pa.string(), metadata={"json": kind}) for name, (kind, _) in zip(names, columns, strict=True)
    ]
    return pa.table([column for _, column in columns], schema=pa.schema(fields))


def written(values: list[Any]) -> tuple[str, Any]:
    """What the values of a column are, and the column as JSON text; null where a record has no such member."""
    kinds = {KINDS.get(kind, MIXED) for kind in set(map(type, values)) - {type(...)}} - {"null"}
    kind = kinds.pop() if len(kinds) == 1 else "double" if kinds == {"int64", "double"} else MIXED if kinds else "null"
    texts = [None if value is ... else orjson.dumps(value).decode() for value in values]
    return kind, pa.array(texts, pa.string())
