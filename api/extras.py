"""The columns that a file brought beyond the features, given back as they came."""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import pyarrow as pa

from shared.lookup import SliceRow

KINDS = {"int64": pa.int64(), "double": pa.float64(), "bool": pa.bool_()}


def extra_columns(part: SliceRow, kinds: Mapping[str, str], keeps_json: bool) -> Iterator[tuple[Any, Any]]:
    """Field and column of each, in the order of the job, also where this slice has none of it."""
    table = pa.ipc.open_stream(part.extras).read_all() if part.extras else pa.table({})
    places = {name: place for place, name in enumerate(table.column_names)}
    for name, kind in kinds.items():
        if (place := places.get(name)) is not None:
            yield of_slice(table.schema.field(place), table[place], kind, keeps_json)
        else:
            column = pa.nulls(part.size, KINDS.get(kind, pa.string()))
            yield pa.field(name, column.type), column


def of_slice(field: Any, column: Any, kind: str, keeps_json: bool) -> tuple[Any, Any]:
    """JSON text is left to a writer of JSON; for others it becomes what the whole file has in that column."""
    if b"json" not in (field.metadata or {}) or keeps_json:
        return field, column
    typed = of_json(column.to_pylist(), kind)
    return pa.field(field.name, typed.type), typed


def of_json(texts: list[str | None], kind: str) -> Any:
    if kind not in KINDS:
        return pa.array(map(as_text, texts), pa.string())
    values = (None if text is None else orjson.loads(text) for text in texts)
    if kind == "double":  # among them are integers, of which Arrow takes no large ones for a double
        values = (None if value is None else float(value) for value in values)
    return pa.array(values, KINDS[kind])


def as_text(text: str | None) -> str | None:
    """What is text in JSON without its quotes, and all else as it is written there."""
    if text is None or text == "null":
        return None
    return str(orjson.loads(text)) if text.startswith('"') else text
