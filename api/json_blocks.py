"""JSON and NDJSON: objects become columns."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, BinaryIO

import numpy as np
import orjson
import pyarrow as pa

from api.blocks import RAW_CHARACTERS, RECORDS, Block, require
from shared.errors import Invalid, Malformed
from shared.registry import Served
from shared.signature import Feature, Matrix, Problem, Signature


def line_blocks(file: BinaryIO, version: Served) -> Iterator[Block]:
    """One JSON object a line; a line that is none is a bad record."""
    lines = enumerate(file, start=1)
    while several := list(islice(lines, RECORDS)):
        numbered = [(number, line) for number, line in several if line.strip()]
        rows, broken = [], {}
        for place, (_, line) in enumerate(numbered):
            row = parsed_line(line)
            if not isinstance(row, dict):
                raw = line.decode(errors="replace")[:RAW_CHARACTERS]
                broken[place] = {"code": "malformed", "detail": "this line is not a JSON object", "raw": raw}
            rows.append(row if isinstance(row, dict) else {})
        if rows:
            yield row_block(rows, version, broken, [number for number, _ in numbered])


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
    known = set(signature.names)
    names = list(dict.fromkeys(name for row in rows for name in row if name not in known))
    if not names:
        return None
    columns = {
        name: pa.array([orjson.dumps(row[name]).decode() if name in row else None for row in rows], pa.string())
        for name in names
    }
    return pa.table(columns).replace_schema_metadata({"json": "true"})
