"""How tables of results are written: each writer is given one table after the other, and gives bytes to be sent."""

import io
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Literal

import orjson
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from api.cells import flattened, listed, whole

Format = Literal["csv", "ndjson", "parquet", "json"]
TYPES: dict[Format, str] = {
    "csv": "text/csv; charset=utf-8",
    "ndjson": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
    "json": "application/json",
}
# Also in this order where a client likes several as much, as in `*/*`.
KNOWN: dict[str, Format] = {kind.partition(";")[0]: form for form, kind in TYPES.items()}
QUALITY = re.compile(r"q=(0(?:\.\d*)?|1(?:\.0*)?)")


def accepted(header: str) -> Format:
    """The format that an Accept header likes most; CSV if it names none of ours."""
    named = dict(map(media_range, header.lower().split(",")))
    liked = sorted((wanted for wanted, quality in named.items() if quality), key=named.__getitem__, reverse=True)
    for wanted in liked:
        for kind, form in KNOWN.items():
            # What is named has its own quality, also 0, beside that of `*/*`.
            if kind == wanted or (kind not in named and wanted in (f"{kind.partition('/')[0]}/*", "*/*")):
                return form
    return "csv"


def media_range(text: str) -> tuple[str, float]:
    """`text/csv` and 0.5 of `text/csv; q=0.5`."""
    kind, *rest = (part.strip() for part in text.split(";"))
    qualities = [float(found[1]) for part in rest if (found := QUALITY.fullmatch(part))]
    return kind, next(iter(qualities), 1.0)


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


class Ndjson(Writer):
    keeps_json = True

    def write(self, table: Any) -> bytes:
        return b"".join(orjson.dumps(row) + b"\n" for row in objects(table))

    def end(self) -> bytes:
        return b""


class Json(Writer):
    keeps_json = True

    def write(self, table: Any) -> bytes:
        if not len(table):
            return b""
        before, self.begun = b"," if self.begun else b"[", True
        return before + b",".join(orjson.dumps(row) for row in objects(table))

    def end(self) -> bytes:
        return b"]" if self.begun else b"[]"


def objects(table: Any) -> Iterator[dict[str, Any]]:
    columns = [values(field, column) for field, column in zip(table.schema, table.columns, strict=True)]
    return (dict(zip(table.column_names, row, strict=True)) for row in zip(*columns, strict=True))


def values(field: Any, column: Any) -> list[Any]:
    array = whole(column)
    if b"json" not in (field.metadata or {}):
        return listed(array)
    return [None if text is None else orjson.Fragment(text) for text in array.to_pylist()]


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
