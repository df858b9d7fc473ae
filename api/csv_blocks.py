"""CSV as people have it: read in columns of numbers where every cell is one, and by its text where not."""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from api import csv_cells
from api.blocks import LONGEST_RECORD_BYTES, RAW_CHARACTERS, Block, halved, pieces, records_of, require
from api.csv_cells import Read, decimal_point
from shared.errors import Invalid, Malformed
from shared.features import Feature, Number, Problem, shortened
from shared.registry import Served
from shared.signature import Matrix

DELIMITERS = ",;\t|"
UTF_8 = ("utf-8", "ascii", "utf-8-sig")
# In each of these a byte below 128 is that character of ASCII, so that lines can be cut before they are read.
CHARSETS = (
    *UTF_8,
    "iso8859-1",
    "iso8859-2",
    "iso8859-9",
    "iso8859-15",
    "cp1250",
    "cp1251",
    "cp1252",
    "cp1254",
    "koi8-r",
)
# A quote opens a cell only at its beginning: 5" is a cell like any other.
QUOTED = re.compile(rb'(?<![^,;\t|\r\n])"[^"]*(?:""[^"]*)*(?:"|\Z)')
csv.field_size_limit(LONGEST_RECORD_BYTES)
HEADER_BYTES = 1 << 16

Ragged = dict[int, tuple[int, str]]
Columns = dict[str, Read]


def csv_blocks(file: BinaryIO, charset: str, delimiter: str | None, version: Served) -> Iterator[Block]:
    table: CsvTable | None = None
    for piece, line in pieces(file, end_of_records):
        body = as_utf8(piece, charset, line)
        if table is None:
            table, body, used = header_of(body, delimiter, version)
            line += used
        for part in halved(body, end_of_records, records_of(len(table.names))):
            if part.strip():
                yield table.block(part, line)
            line += part.count(b"\n")
    if table is None:
        raise Invalid("the file is empty; its first line must name the columns")


def end_of_records(data: bytes) -> int:
    """Behind the last line break that stands in no quotes."""
    end = data.rfind(b"\n")
    if b'"' in data:
        several_lines = [field.span() for field in QUOTED.finditer(data) if b"\n" in field[0]]
        for opened, closed in reversed(several_lines):
            if end >= closed:
                break
            end = data.rfind(b"\n", 0, opened) if end > opened else end
    return end + 1


def as_utf8(data: bytes, charset: str, line: int) -> bytes:
    data = data.removeprefix(b"\xef\xbb\xbf") if line == 1 else data
    name = charset_named(charset)
    try:
        text = data.decode("utf-8" if name in UTF_8 else name)
    except UnicodeDecodeError as error:
        place = line + data.count(b"\n", 0, error.start)
        raise Malformed(
            f"line {place} is not {charset}; save the file as UTF-8, or name its charset: text/csv; charset=latin-1"
        ) from error
    return data if name in UTF_8 else text.encode()


def charset_named(charset: str) -> str:
    try:
        name = codecs.lookup(charset).name
    except (LookupError, ValueError):
        name = ""
    if name not in CHARSETS:
        raise Malformed(
            f'the charset "{charset[:50]}" is not read here; save the file as UTF-8, or as one of {CHARSETS}'
        )
    return name


def header_of(piece: bytes, delimiter: str | None, version: Served) -> tuple["CsvTable", bytes, int]:
    """What the first record says about the table, what follows it, and how many lines it takes."""
    file = io.BytesIO(piece)
    chosen = delimiter or sniffed(piece, version)
    reader = csv.reader((line.decode() for line in file), delimiter=chosen)
    try:
        names: list[str] = next((row for row in reader if any(map(str.strip, row)) and not is_hint(row)), [])
    except csv.Error as error:
        raise Malformed(f"line {reader.line_num} cannot be read; save the file with usual line ends") from error
    if not names:
        raise Invalid("the file is empty; its first line must name the columns")
    names = [name.strip() or f"column {place}" for place, name in enumerate(names, 1)]
    require(names, version, {"line": reader.line_num})
    return CsvTable(names, chosen, version), piece[file.tell() :], reader.line_num


def is_hint(row: list[str]) -> bool:
    """`sep=;` in the first line, by which Excel is told what parts the cells."""
    return len(row) <= 2 and row[0].lower().startswith("sep=")


def sniffed(piece: bytes, version: Served) -> str:
    """What parts the cells: that by which the header has the most features, then what is most often in it."""

    def fits(delimiter: str) -> tuple[int, int]:
        lines = (line for line in io.StringIO(piece[:HEADER_BYTES].decode(errors="ignore")) if not is_hint([line]))
        header = next(csv.reader(lines, delimiter=delimiter, strict=False), [])
        return len({name.strip() for name in header} & set(version.signature.names)), len(header)

    try:
        return max(DELIMITERS, key=fits)
    except csv.Error:
        return ","


class CsvTable:
    """Knows the columns of one file."""

    def __init__(self, names: list[str], delimiter: str, version: Served) -> None:
        self.names, self.delimiter, self.signature = names, delimiter, version.signature
        self.features = {feature.name: feature for feature in self.signature.inputs if feature.name in names}
        self.numbers = [name for name, feature in self.features.items() if isinstance(feature, Number)]
        self.extras = [name for name in names if name not in self.signature.names]
        self.decimal_points = "." if delimiter != ";" else ".,"
        if not self.features:
            raise Invalid(
                f"no column of the file is a feature of {version.ref}; it has {', '.join(self.signature.names)}"
            )

    def block(self, body: bytes, line: int) -> Block:
        table, columns, ragged = self.of_numbers(body) or self.of_text(body)
        matrix, problems = self.checked({name: column for name, (column, _) in columns.items()}, ragged)
        for name, (_, mistyped) in columns.items():
            self.blame(name, mistyped, matrix, problems)
        problems |= self.uneven(ragged)
        if problems:
            lines = self.lines(body, line, len(matrix))
            problems = {place: [{**one, "line": lines[place]} for one in found] for place, found in problems.items()}
        return Block(matrix, problems, table.select(self.extras) if self.extras else None)

    def of_numbers(self, body: bytes) -> tuple[Any, Columns, Ragged] | None:
        """The block, if each cell of a number is a finite one or empty."""
        for point in self.decimal_points:
            read = self.read(body, pa.float64(), point)
            if read is not None and self.is_plain(read[0]):
                table, ragged = read
                columns = {name: Read(table[name], {}) for name in self.numbers}
                others = {name: one for name, one in self.features.items() if name not in columns}
                return table, columns | typed(table, others, point), ragged
        return None

    def of_text(self, body: bytes) -> tuple[Any, Columns, Ragged]:
        """The same with what is no number told apart, cell by cell."""
        read = self.read(body, pa.string())
        if read is None:
            raise Malformed("the file cannot be read as CSV; is a quote not closed?")
        table, ragged = read
        point = "." if self.decimal_points == "." else decimal_point(table[name] for name in self.numbers)
        return table, typed(table, self.features, point), ragged

    def read(self, body: bytes, kind: Any, decimal_point: str = ".") -> tuple[Any, Ragged] | None:
        """The block with numbers of this type, and its ragged rows, which are empty in it; None if a cell misfits."""
        types = dict.fromkeys(self.names, pa.string()) | dict.fromkeys(self.numbers, kind)
        ragged: Ragged = {}

        def skip(row: Any) -> str:
            ragged[row.number - 1] = (row.actual_columns, row.text)
            return "skip"

        try:
            table = pyarrow.csv.read_csv(
                pa.BufferReader(body),
                pyarrow.csv.ReadOptions(column_names=self.names, use_threads=False, block_size=len(body) + 1),
                pyarrow.csv.ParseOptions(
                    delimiter=self.delimiter, newlines_in_values=b'"' in body, invalid_row_handler=skip
                ),
                pyarrow.csv.ConvertOptions(
                    column_types=types, null_values=[""], strings_can_be_null=False, decimal_point=decimal_point
                ),
            )
        except pa.ArrowInvalid:
            return None
        return with_gaps(table, sorted(ragged)).combine_chunks(), ragged

    def is_plain(self, table: Any) -> bool:
        """Whether each number is finite or missing; the reader takes ` nan ` and 1e999 for numbers, too."""
        return all(pc.all(pc.is_finite(table[name]), min_count=0).as_py() for name in self.numbers)

    def checked(self, columns: dict[str, Any], ragged: Ragged) -> tuple[Matrix, dict[int, list[Problem]]]:
        size = len(next(iter(columns.values())))
        arrays = {name: flat(columns[name]) if name in columns else pa.nulls(size) for name in self.signature.names}
        return self.signature.check_table(arrays, without=list(ragged))

    def blame(self, name: str, cells: Mapping[int, str], matrix: Matrix, problems: dict[int, list[Problem]]) -> None:
        """Has these cells of a feature be the reason why their records fail."""
        for place, raw in cells.items():
            others = [one for one in problems.get(place, []) if one["column"] != name]
            problem = self.features[name].mistyped(f'"{shortened(raw)}"')
            problems[place] = [*others, {**problem, "raw": raw[:RAW_CHARACTERS]}]
            matrix[place] = np.nan

    def uneven(self, ragged: Ragged) -> dict[int, list[Problem]]:
        return {
            place: [
                {
                    "code": "ragged",
                    "detail": f"the row has {cells} cells, the header {len(self.names)}",
                    "raw": raw[:RAW_CHARACTERS],
                }
            ]
            for place, (cells, raw) in ragged.items()
        }

    def lines(self, body: bytes, line: int, records: int) -> list[int]:
        """The line in which each record begins."""
        if b'"' in body:
            starts = self.lines_with_quotes(body, line)
        else:
            starts = [line + place for place, one in enumerate(body.splitlines()) if one]
        if len(starts) != records:
            raise Malformed(f"the lines from {line} on end in more than one way; save the file with usual line ends")
        return starts

    def lines_with_quotes(self, body: bytes, line: int) -> list[int]:
        reader = csv.reader(io.StringIO(body.decode(), newline=""), delimiter=self.delimiter)
        starts, before = [], 0
        try:
            for row in reader:
                if row:
                    starts.append(line + before)
                before = reader.line_num
        except csv.Error:
            return []
        return starts


def typed(table: Any, features: Mapping[str, Feature], point: str) -> Columns:
    return {name: csv_cells.read(feature, table[name], point) for name, feature in features.items()}


def with_gaps(table: Any, places: list[int]) -> Any:
    """The table with an empty row at each of these places."""
    if not places:
        return table
    order = np.zeros(len(table) + len(places), dtype=np.int64)
    gap = np.zeros(len(order), dtype=bool)
    gap[places] = True
    order[~gap] = np.arange(len(table))
    return table.take(pa.array(order, mask=gap))


def flat(array: Any) -> Any:
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
