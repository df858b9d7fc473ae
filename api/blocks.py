"""Blocks of records: parsed and checked in whole columns, so that memory grows with a block and not with the file."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from shared.errors import Invalid, Malformed
from shared.features import Problem
from shared.registry import Served
from shared.signature import RAW_CHARACTERS, Matrix, summary

# Two blocks are held at a time, and each record of one may be bad, which takes 1.5 KB to tell.
RECORDS = 25_000
CELLS = 1_000_000
FEWEST_RECORDS = 100
PIECE_BYTES = 2 << 20
LONGEST_RECORD_BYTES = 16 << 20
MOST_COLUMNS = 1_000
MOST_TOLD = 100
__all__ = ["RAW_CHARACTERS"]
# What a column holds whose values came as JSON of more than one type: it is kept as JSON text.
MIXED = "json"


@dataclass(frozen=True)
class Block:
    """Records that follow each other. A record with a problem keeps its place, and never reaches the model."""

    matrix: Matrix
    problems: dict[int, list[Problem]]
    extras: Any

    @property
    def size(self) -> int:
        return len(self.matrix)

    @property
    def valid(self) -> Matrix:
        """The records without a problem."""
        return np.delete(self.matrix, list(self.problems), axis=0) if self.problems else self.matrix


EndOfRecords = Callable[[bytes], int]


def pieces(file: BinaryIO, end_of_records: EndOfRecords) -> Iterator[tuple[bytes, int]]:
    """The file in pieces that end with a record, each with the number of its first line."""
    left, line = b"", 1
    while data := file.read(PIECE_BYTES):
        left += data
        end = end_of_records(left)
        for piece in halved(left[:end], end_of_records):
            yield piece, line
            line += piece.count(b"\n")
        left = left[end:]
        if len(left) > LONGEST_RECORD_BYTES:
            raise Malformed(
                f"the record in line {line} has more than {LONGEST_RECORD_BYTES >> 20} MiB; is a quote not closed?"
            )
    if left.strip():
        yield left, line


def halved(data: bytes, end_of_records: EndOfRecords, most: int = RECORDS) -> Iterator[bytes]:
    """The same in pieces that have no more lines than that."""
    middle = end_of_records(data[: len(data) // 2]) if data.count(b"\n") > most else 0
    if middle:
        yield from halved(data[:middle], end_of_records, most)
        yield from halved(data[middle:], end_of_records, most)
    elif data:
        yield data


def records_of(columns: int) -> int:
    """How many records of so many columns make a block; short lines of a wide file are many empty cells."""
    return max(FEWEST_RECORDS, min(RECORDS, CELLS // max(1, columns)))


def merged(known: dict[str, str], extras: Any) -> dict[str, str]:
    """Names and types of the other columns, with those of one more block."""
    if extras is None:
        return known
    found = {column.name: type_of(column) for column in extras.schema}
    return {**known, **{name: common(known.get(name, kind), kind) for name, kind in found.items()}}


def type_of(column: Any) -> str:
    """The type of a column of Arrow; of one that holds JSON text, that of what is written there."""
    written: bytes = (column.metadata or {}).get(b"json", str(column.type).encode())
    return written.decode()


def common(one: str, other: str) -> str:
    if one == other or "null" in (one, other):
        return other if one == "null" else one
    return "double" if {one, other} == {"int64", "double"} else MIXED


def require(names: Sequence[str], version: Served, place: Mapping[str, Any] | None = None) -> None:
    """Invalid if a column is there twice, or one is missing that the version needs."""
    if len(names) > MOST_COLUMNS:
        raise Invalid(f"the file has {len(names):,} columns; it may have at most {MOST_COLUMNS:,}")
    doubled = next((name for name, times in Counter(names).items() if times > 1), None)
    if doubled is not None:
        raise table_error("duplicate_column", doubled, f'the column "{doubled[:100]}" is there twice; keep one', place)
    if missing := list(columns_missing(names, version)):
        raise Invalid(summary(missing), [problem | dict(place or {}) for problem in missing[:MOST_TOLD]])


def columns_missing(names: Sequence[str], version: Served) -> Iterator[Problem]:
    """Says of each which one may be meant to be it."""
    signature, there = version.signature, set(names)
    missing = [one.name for one in signature.inputs if not one.nullable and one.name not in there]
    others = [name for name in reversed(names) if name not in signature.names] if missing else []
    meant = {signature.nearest(name): name for name in others}
    for name in missing:
        hint = f'; is "{meant[name][:100]}" meant to be it?' if name in meant else ""
        detail = f'the column "{name}" is missing; {version.ref} needs it{hint}'
        yield {"code": "missing_column", "column": name, "detail": detail}


def table_error(code: str, column: str, detail: str, place: Mapping[str, Any] | None) -> Invalid:
    return Invalid(detail, [{"code": code, "column": column[:100], "detail": detail, **(place or {})}])
