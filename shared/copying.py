"""Rows into a table as PostgreSQL's own stream: it stores them while the next are made, and nothing is escaped."""

import io
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from struct import pack
from typing import Any, NamedTuple
from uuid import UUID

import psycopg2
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
END = pack("!h", -1)
PIECE_BYTES = 1 << 20
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


class Int4(NamedTuple):
    value: int


Value = bytes | str | int | Int4 | UUID | datetime | None


def copy(session: Session, table: str, rows: Iterable[Mapping[str, Value]], columns: Iterable[str]) -> None:
    """Stores the rows as they come. What making them raises is raised here, and nothing of them stays."""
    rows = iter(rows)
    first = list(islice(rows, 1))  # most of what is wrong with a file shows before the database is asked
    stream = Stream(written(chain(first, rows)))
    cursor = session.connection().connection.cursor()
    try:
        cursor.copy_expert(f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT binary)", stream, PIECE_BYTES)
    except psycopg2.Error as error:
        raise stream.failure or DBAPIError.instance("COPY", None, error, psycopg2.Error) from error
    finally:
        cursor.close()


def written(rows: Iterable[Mapping[str, Value]]) -> Iterator[bytes]:
    yield HEAD
    for row in rows:
        fields = [field(value) for value in row.values()]
        yield pack("!h", len(fields)) + b"".join(fields)
    yield END


def field(value: Value) -> bytes:
    if value is None:
        return pack("!i", -1)
    data = in_binary(value)
    return pack("!i", len(data)) + data


def in_binary(value: Any) -> bytes:
    match value:
        case bytes():
            return value
        case str():
            return value.encode()
        case UUID():
            return value.bytes
        case Int4():
            return pack("!i", value.value)
        case datetime():
            return pack("!q", (value - EPOCH) // timedelta(microseconds=1))
    return pack("!q", value)


class Stream(io.RawIOBase):
    """What psycopg2 reads from. It would hide what is raised there behind an error of its own."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self.pieces, self.left = pieces, memoryview(b"")
        self.failure: Exception | None = None

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        try:
            while not self.left:
                self.left = memoryview(next(self.pieces))
        except StopIteration:
            return b""
        except Exception as error:
            self.failure = error
            # PostgreSQL writes what it is told into its log, and what a file holds is nobody's to read there.
            raise RuntimeError("the rows end here") from None
        piece, self.left = self.left[:size], self.left[size:]
        return bytes(piece)
