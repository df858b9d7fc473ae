"""A table to learn from, out of a CSV or Parquet file."""

import hashlib
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, parquet

from shared.errors import Invalid
from shared.features import MISSING, is_date

DELIMITERS = ",;\t|"
NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
DATE_BEGINS = re.compile(r"\d{4}-\d\d-\d\d")
OTHER_DATE = r"^\d{1,2}[./-]\d{1,2}[./-]\d{2,4}$"
# With fewer numbers than this among its cells a column is text.
NUMBERS_SHARE = 0.8
SHOWN = 3


@dataclass(frozen=True)
class Table:
    """Records to learn from, where they come from, and what had to be changed to read them."""

    data: pa.Table
    description: str
    synthetic: bool
    sha256: str
    warnings: tuple[str, ...] = ()


def read(path: Path) -> Table:
    """The table in a file; or Invalid that says what is wrong with it."""
    try:
        content = path.read_bytes()
        return parse(content, path.name)
    except FileNotFoundError as error:
        raise Invalid(f'there is no file "{path}"; check its name and folder') from error
    except (OSError, ValueError, pa.ArrowException, Invalid) as error:
        raise Invalid(f"{path} cannot be read as a table: {error}; give a CSV or Parquet file") from error


def parse(content: bytes, name: str) -> Table:
    digest = hashlib.sha256(content).hexdigest()
    if content.startswith(b"PAR1"):
        data = parquet.read_table(pa.BufferReader(content))
        check_names(data.column_names)
        return Table(data, name, synthetic=False, sha256=digest)
    data, warnings = from_csv(content)
    return Table(data, name, synthetic=False, sha256=digest, warnings=warnings)


def from_csv(content: bytes) -> tuple[pa.Table, tuple[str, ...]]:
    delimiter = delimiter_of(content)
    read_options = csv.ReadOptions(block_size=max(len(content), 1))  # in one block, so that types are of all rows
    parse_options = csv.ParseOptions(delimiter=delimiter, newlines_in_values=b'"' in content)

    def read(types: dict[str, pa.DataType]) -> pa.Table:
        convert_options = csv.ConvertOptions(null_values=[""], strings_can_be_null=True, column_types=types)
        return csv.read_csv(pa.BufferReader(content), read_options, parse_options, convert_options)

    data = read({})
    # Dates as text: which of them are any is for the rule by which the service reads a file.
    if moments := {field.name: pa.string() for field in data.schema if pa.types.is_temporal(field.type)}:
        data = read(moments)
    data = data.rename_columns([name.strip() for name in data.column_names])
    check_names(data.column_names)
    warnings: list[str] = []
    for place, name in enumerate(data.column_names):
        if pa.types.is_binary(data.schema.field(place).type):
            raise Invalid(f'column "{name}" has bytes that are not UTF-8; save the file as UTF-8')
        if pa.types.is_string(data.schema.field(place).type):
            column, warning = cleaned(name, data[name].combine_chunks(), "," if delimiter == ";" else ".")
            data = data.set_column(place, name, column)
            warnings += warning
    return data, tuple(warnings)


def delimiter_of(content: bytes) -> str:
    """What parts the header most often."""
    header = content.split(b"\n", 1)[0]
    return max(DELIMITERS, key=lambda mark: header.count(mark.encode()))


def check_names(names: list[str]) -> None:
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise Invalid(f'column "{twice[0]}" is there {names.count(twice[0])} times; rename or remove one')


def cleaned(name: str, column: pa.Array, point: str) -> tuple[pa.Array, list[str]]:
    """Numbers, booleans or dates that a few other cells made text of, else text without the spaces at its ends."""
    plain = pc.utf8_trim_whitespace(column)
    written = pc.replace_substring(plain, ",", ".") if point == "," else plain
    is_number = pc.match_substring_regex(written, NUMBER)
    is_missing = pc.is_in(pc.utf8_lower(plain), pa.array(MISSING))
    given = len(column) - column.null_count - count(is_missing)
    if given and count(is_number) >= NUMBERS_SHARE * given:
        return kept(written, is_number).cast(pa.float64()), said(name, "a number", column, is_number)
    is_boolean = pc.is_in(pc.utf8_lower(plain), pa.array(["true", "false"]))
    if given and count(is_boolean) == given:
        return pc.equal(pc.utf8_lower(kept(plain, is_boolean)), "true"), said(name, "a boolean", column, is_boolean)
    dates = [text for text in plain.unique().to_pylist() if text and DATE_BEGINS.match(text) and is_date(text)]
    is_day = pc.is_in(plain, pa.array(dates, pa.string()))
    if given and count(is_day) == given:
        return kept(plain, is_day), said(name, "a date", column, is_day)
    return plain, looks_like_dates(name, plain)


def looks_like_dates(name: str, texts: pa.Array) -> list[str]:
    like = pc.match_substring_regex(texts, OTHER_DATE)
    if count(like) < NUMBERS_SHARE * max(1, len(texts) - texts.null_count):
        return []
    return [f'"{name}" looks like dates, which are read here only when they are written as 2026-01-31']


def kept(column: pa.Array, fine: pa.Array) -> pa.Array:
    return pc.if_else(fine, column, pa.scalar(None, pa.string()))


def count(marks: pa.Array) -> int:
    return pc.sum(marks).as_py() or 0


def said(name: str, a: str, column: pa.Array, fine: pa.Array) -> list[str]:
    """The warning about the cells that are read as missing."""
    others = column.filter(pc.invert(fine)).drop_null()
    if not len(others):
        return []
    texts = Counter(others.to_pylist())
    shown = ", ".join(f'"{text[:30]}"' for text, _ in texts.most_common(SHOWN))
    more = ", ..." if len(texts) > SHOWN else ""
    rows = "1 row" if len(others) == 1 else f"{len(others):,} rows"
    return [f'"{name}" is {a} but for {shown}{more} in {rows}, read as missing; send null or an empty cell for those']
