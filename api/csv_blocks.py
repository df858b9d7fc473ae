"""CSV as people have it: read in columns of numbers where every cell is one, and by its text where not."""

import csv
import io
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from api.blocks import Block, require
from shared.errors import Invalid, Malformed
from shared.registry import Served
from shared.signature import Matrix, Problem

BLOCK_BYTES = 8 << 20
DELIMITERS = ",;\t"
NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"


def csv_blocks(file: BinaryIO, charset: str, version: Served) -> Iterator[Block]:
    line = 1
    table: CsvTable | None = None
    for chunk in chunks(file, charset):
        if table is None:
            header, body, used = header_of(chunk)
            require(header.names, version, {"line": 1})
            table, line = header.table(version), used + 1
        else:
            body = chunk
        if body.strip():
            yield table.block(body, line)
        line += body.count(b"\n")
    if table is None:
        raise Invalid("the file is empty; its first line must name the columns")


def chunks(file: BinaryIO, charset: str) -> Iterator[bytes]:
    """UTF-8, in pieces that end with a record."""
    left, line = b"", 1
    while data := file.read(BLOCK_BYTES):
        left += data
        end = end_of_records(left)
        if end:
            yield as_utf8(left[:end], charset, line)
            line += left.count(b"\n", 0, end)
            left = left[end:]
    if left.strip():
        yield as_utf8(left, charset, line)


def end_of_records(data: bytes) -> int:
    """Behind the last line break that stands in no quotes."""
    end = data.rfind(b"\n")
    while end >= 0 and data.count(b'"', 0, end) % 2:
        end = data.rfind(b"\n", 0, end)
    return end + 1


def as_utf8(data: bytes, charset: str, line: int) -> bytes:
    data = data.removeprefix(b"\xef\xbb\xbf") if line == 1 else data
    try:
        if charset in ("utf-8", "utf8", "us-ascii"):
            data.decode("utf-8")
            return data
        return data.decode(charset).encode()
    except UnicodeDecodeError as error:
        place = line + data.count(b"\n", 0, error.start)
        raise Malformed(
            f"line {place} is not {charset}; save the file as UTF-8, or name its charset: text/csv; charset=latin-1"
        ) from error
    except LookupError as error:
        raise Malformed(f'the charset "{charset[:50]}" is not known; utf-8 always is') from error


class Header:
    """The first record: the names, and what parts the cells."""

    def __init__(self, names: list[str], delimiter: str) -> None:
        self.names, self.delimiter = names, delimiter

    def table(self, version: Served) -> "CsvTable":
        return CsvTable(self.names, self.delimiter, version)


def header_of(chunk: bytes) -> tuple[Header, bytes, int]:
    """The header, what follows it, and the lines that it takes."""
    text = io.StringIO(chunk.decode())
    first = chunk.lstrip(b"\r\n").split(b"\n", 1)[0].decode()
    delimiter = max(DELIMITERS, key=first.count)
    reader = csv.reader(text, delimiter=delimiter)
    names: list[str] = next((row for row in reader if row), [])
    rest = chunk[len("".join(chunk.decode().splitlines(keepends=True)[: reader.line_num]).encode()) :]
    return Header([name.strip() for name in names], delimiter), rest, reader.line_num


class CsvTable:
    """Knows the columns of one file."""

    def __init__(self, names: list[str], delimiter: str, version: Served) -> None:
        self.names, self.delimiter, self.signature = names, delimiter, version.signature
        self.features = [name for name in self.signature.names if name in names]
        self.extras = [name for name in names if name not in self.signature.names]
        self.decimal_points = "." if delimiter != ";" else ".,"

    def block(self, body: bytes, line: int) -> Block:
        for point in self.decimal_points:
            table = self.read(body, pa.float64(), point)
            if table is not None and self.is_plain(table):
                matrix, problems = self.checked({name: table[name] for name in self.features})
                found = self.placed(problems, body, line) if problems else {}
                return Block(matrix, found, self.others(table))
        table, ragged = self.by_text(body)
        matrix, problems = self.from_text(table, ragged)
        return Block(matrix, self.placed(problems, body, line), self.others(table))

    def read(self, body: bytes, kind: Any, decimal_point: str = ".") -> Any:
        """The block with features of this type; None if a cell or a row does not fit."""
        types = dict.fromkeys(self.features, kind) | {name: pa.string() for name in self.extras}
        try:
            return pyarrow.csv.read_csv(
                pa.BufferReader(body),
                pyarrow.csv.ReadOptions(column_names=self.names, use_threads=False, block_size=len(body) + 1),
                pyarrow.csv.ParseOptions(delimiter=self.delimiter, newlines_in_values=b'"' in body),
                pyarrow.csv.ConvertOptions(
                    column_types=types, null_values=[""], strings_can_be_null=False, decimal_point=decimal_point
                ),
            ).combine_chunks()
        except pa.ArrowInvalid:
            return None

    def is_plain(self, table: Any) -> bool:
        """Whether each cell is a finite number or empty; the reader takes ` nan ` and 1e999 for numbers, too."""
        return all(pc.all(pc.is_finite(table[name]), min_count=0).as_py() for name in self.features)

    def others(self, table: Any) -> Any:
        return table.select(self.extras) if self.extras else None

    def checked(self, columns: dict[str, Any]) -> tuple[Matrix, dict[int, list[Problem]]]:
        size = len(next(iter(columns.values())))
        arrays = {name: pa.nulls(size) for name in self.signature.names}
        for name, column in columns.items():
            arrays[name] = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        return self.signature.check_table({name: flat(array) for name, array in arrays.items()})

    def by_text(self, body: bytes) -> tuple[Any, dict[int, list[str]]]:
        """All cells as text, and the rows that have more or fewer than the header."""
        table = self.read(body, pa.string())
        if table is not None:
            return table, {}
        rows = [row for row in csv.reader(io.StringIO(body.decode(), newline=""), delimiter=self.delimiter) if row]
        ragged = {place: row for place, row in enumerate(rows) if len(row) != len(self.names)}
        empty = [""] * len(self.names)
        cells = zip(*(empty if place in ragged else row for place, row in enumerate(rows)), strict=True)
        return pa.table([pa.array(column, pa.string()) for column in cells], names=self.names), ragged

    def from_text(self, table: Any, ragged: dict[int, list[str]]) -> tuple[Matrix, dict[int, list[Problem]]]:
        columns, unread = {}, {}
        for name in self.features:
            text = pc.utf8_trim_whitespace(flat(table[name].combine_chunks()))
            columns[name], bad = self.numbers(text)
            unread[name] = {place: text[place].as_py() for place in np.flatnonzero(bad).tolist()}
        matrix, problems = self.checked(columns)
        for feature in self.signature.inputs:
            for place, raw in unread.get(feature.name, {}).items():
                others = [one for one in problems.get(place, []) if one["column"] != feature.name]
                shown = raw if len(raw) <= 50 else raw[:50] + "..."
                problem = feature.problem("type", f'must be a number, not "{shown}"')
                problems[place] = [*others, {**problem, "raw": raw[:200]}]
                matrix[place] = np.nan
        for place, row in ragged.items():
            detail = f"the row has {len(row)} cells, the header {len(self.names)}"
            problems[place] = [{"code": "ragged", "detail": detail, "raw": self.delimiter.join(row)[:200]}]
        return matrix, problems

    def numbers(self, text: Any) -> tuple[Any, Any]:
        """The numbers in a column of text, null elsewhere, and which cells are neither a number nor empty."""
        if "," in self.decimal_points:
            text = pc.replace_substring(text, ",", ".")
        fine = pc.match_substring_regex(text, NUMBER)
        digits = pc.if_else(fine, pc.utf8_ltrim(text, "+"), pa.scalar(None, pa.string()))
        values = pc.cast(digits, pa.float64())
        finite = pc.fill_null(pc.is_finite(values), False)
        bad = pc.invert(pc.or_(finite, pc.equal(text, "")))
        return pc.if_else(finite, values, pa.scalar(None, pa.float64())), bad.to_numpy(zero_copy_only=False)

    def placed(self, problems: dict[int, list[Problem]], body: bytes, line: int) -> dict[int, list[Problem]]:
        """The same problems with the lines of the file they stand in."""
        lines = self.lines(body, line)
        return {place: [{**one, "line": lines[place]} for one in found] for place, found in problems.items()}

    def lines(self, body: bytes, line: int) -> list[int]:
        reader = csv.reader(io.StringIO(body.decode(), newline=""), delimiter=self.delimiter)
        starts, before = [], 0
        for row in reader:
            if row:
                starts.append(line + before)
            before = reader.line_num
        return starts


def flat(array: Any) -> Any:
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
