"""How tables of results are written: each writer is given one table after the other, and gives bytes to be sent."""

import io
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Literal

import orjson
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

Format = Literal["csv", "ndjson", "parquet", "json"]
TYPES: dict[Format, str] = {
    "csv": "text/csv; charset=utf-8",
    "ndjson": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
    "json": "application/json",
}


class Writer(ABC):
    """Begins with an empty table, which names the columns should no other come."""

    # Whether columns of JSON text are written as the JSON that they are.
    keeps_json = False

    def __init__(self, empty: Any) -> None:
        self.empty, self.begun = empty, False

    @abstractmethod
    def write(self, table: Any) -> bytes: ...

    @abstractmethod
    def end(self) -> bytes: ...


class Csv(Writer):
    def write(self, table: Any) -> bytes:
        sink = pa.BufferOutputStream()
        options = pyarrow.csv.WriteOptions(include_header=not self.begun, quoting_style="needed")
        pyarrow.csv.write_csv(flattened(table), sink, options)
        self.begun = True
        written: bytes = sink.getvalue().to_pybytes()
        return written

    def end(self) -> bytes:
        return b"" if self.begun else self.write(self.empty)


def flattened(table: Any) -> Any:
    """The table with text for what a cell of CSV cannot hold, such as a list."""
    for place, field in enumerate(table.schema):
        if pa.types.is_nested(field.type) or pa.types.is_duration(field.type):
            texts = [
                None if value is None else orjson.dumps(value, default=str).decode()
                for value in values(field, table[place])
            ]
            table = table.set_column(place, field.name, pa.array(texts, pa.string()))
    return table


class Ndjson(Writer):
    keeps_json = True

    def write(self, table: Any) -> bytes:
        return b"".join(orjson.dumps(row, default=str) + b"\n" for row in objects(table))

    def end(self) -> bytes:
        return b""


class Json(Writer):
    keeps_json = True

    def write(self, table: Any) -> bytes:
        if not len(table):
            return b""
        before, self.begun = b"," if self.begun else b"[", True
        return before + b",".join(orjson.dumps(row, default=str) for row in objects(table))

    def end(self) -> bytes:
        return b"]" if self.begun else b"[]"


def objects(table: Any) -> Iterator[dict[str, Any]]:
    columns = [values(field, column) for field, column in zip(table.schema, table.columns, strict=True)]
    return (dict(zip(table.column_names, row, strict=True)) for row in zip(*columns, strict=True))


def values(field: Any, column: Any) -> list[Any]:
    if b"json" not in (field.metadata or {}):
        listed: list[Any] = column.to_pylist()
        return listed
    return [None if text is None else orjson.Fragment(text) for text in column.to_pylist()]


class Parquet(Writer):
    """A row group a table. The first one with rows settles the columns."""

    def __init__(self, empty: Any) -> None:
        super().__init__(empty)
        self.sink = Drained()
        self.file: Any = None

    def write(self, table: Any) -> bytes:
        if not len(table) and table is not self.empty:
            return b""
        self.file = self.file or pyarrow.parquet.ParquetWriter(self.sink, table.schema)
        self.file.write_table(table.cast(self.file.schema))
        return self.sink.drain()

    def end(self) -> bytes:
        begun = b"" if self.file else self.write(self.empty)
        self.file.close()
        return begun + self.sink.drain()


class Drained(io.RawIOBase):
    """A file that only grows, whose beginning may be taken away."""

    def __init__(self) -> None:
        self.held: list[bytes] = []
        self.written = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.held.append(bytes(data))
        self.written += len(data)
        return len(data)

    def tell(self) -> int:
        return self.written

    def drain(self) -> bytes:
        data, self.held = b"".join(self.held), []
        return data


WRITERS: dict[Format, type[Writer]] = {"csv": Csv, "ndjson": Ndjson, "parquet": Parquet, "json": Json}
