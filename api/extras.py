"""The columns that a file brought beyond the features, given back as they came."""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import pyarrow as pa

from shared.lookup import SliceRow

KINDS = {"int64": pa.int64(), "double": pa.float64(), "bool": pa.bool_()}


def extra_columns(part: SliceRow, kinds: Mapping[str, str], keeps_json: bool) -> Iterator[tuple[Any, Any]]:
    """Field and column of each, in the order of the job, also where this slice has none of it."""
    table = pa.ipc.open_stream(part.extras).read_all() if part.extras else None
    for name, kind in kinds.items():
        if table is None or name not in table.column_names:
            column = pa.nulls(part.size, KINDS.get(kind, pa.string()))
            yield pa.field(name, column.type), column
        else:
            yield of_slice(table.schema.field(name), table[name], kind, keeps_json)


def of_slice(field: Any, column: Any, kind: str, keeps_json: bool) -> tuple[Any, Any]:
    """JSON text is left to a writer of JSON; for others it becomes what the whole file has in that column."""
    if b"json" not in (field.metadata or {}) or keeps_json:
        return field, column
    values = [None if text is None else orjson.loads(text) for text in column.to_pylist()]
    typed = pa.array(values, KINDS[kind]) if kind in KINDS else pa.array(map(as_text, values), pa.string())
    return pa.field(field.name, typed.type), typed


def as_text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else orjson.dumps(value).decode()
