"""Thrift's compact protocol, as far as the structs of Parquet need it."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO

from shared.errors import Malformed

TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(1, 13)
INTEGERS = (I16, I32, I64)
DEEPEST = 16

# Reads a value of the type that it is told.
Reader = Callable[[BinaryIO, int], Any]


def struct(file: BinaryIO, wanted: Mapping[int, Reader]) -> dict[int, Any]:
    """Those of the fields that are wanted, by their numbers; behind it what follows the struct."""
    found: dict[int, Any] = {}
    for number, kind in fields(file):
        if number in wanted:
            found[number] = wanted[number](file, kind)
        else:
            skip(file, kind)
    return found


def fields(file: BinaryIO) -> Iterator[tuple[int, int]]:
    """Number and type of each field of a struct; what it holds is to be read before the next."""
    number = 0
    while (first := byte(file)) != 0:
        number = number + (first >> 4) if first >> 4 else zigzag(file)
        yield number, first & 15


def integer(file: BinaryIO, kind: int) -> int:
    return zigzag(file) if kind in INTEGERS else misfit()


def structs(wanted: Mapping[int, Reader]) -> Reader:
    """What reads a list of structs."""

    def read(file: BinaryIO, kind: int) -> list[dict[int, Any]]:
        size, inner = list_header(file) if kind == LIST else misfit()
        return [struct(file, wanted) if inner == STRUCT else misfit() for _ in range(size)]

    return read


def one_struct(wanted: Mapping[int, Reader]) -> Reader:
    """What reads a struct within another."""
    return lambda file, kind: struct(file, wanted) if kind == STRUCT else misfit()


def skip(file: BinaryIO, kind: int, depth: int = 0) -> None:
    if depth > DEEPEST:
        raise Malformed("the file is not Parquet: it is nested too deeply")
    if kind in INTEGERS:
        varint(file)
    elif kind == BINARY:
        file.seek(varint(file), 1)
    elif kind in (BYTE, DOUBLE):
        file.seek(1 if kind == BYTE else 8, 1)
    elif kind == STRUCT:
        for _, inner in fields(file):
            skip(file, inner, depth + 1)
    elif kind in (LIST, SET):
        size, inner = list_header(file)
        for _ in range(size):
            skip(file, BYTE if inner in (TRUE, FALSE) else inner, depth + 1)
            require_more(file)
    elif kind not in (TRUE, FALSE):
        misfit()


def require_more(file: BinaryIO) -> None:
    """A list that says it is long ends with its file: each of its items takes a byte at least."""
    if not file.read(1):
        raise Malformed("the file is not Parquet: it ends within a list")
    file.seek(-1, 1)


def list_header(file: BinaryIO) -> tuple[int, int]:
    """How many items follow, and their type."""
    first = byte(file)
    return (varint(file) if first >> 4 == 15 else first >> 4), first & 15


def zigzag(file: BinaryIO) -> int:
    number = varint(file)
    return number >> 1 ^ -(number & 1)


def varint(file: BinaryIO) -> int:
    number = 0
    for place in range(10):
        read = byte(file)
        number |= (read & 127) << 7 * place
        if read < 128:
            return number
    raise Malformed("the file is not Parquet: a number in it does not end")


def byte(file: BinaryIO) -> int:
    read = file.read(1)
    if not read:
        raise Malformed("the file is not Parquet: it ends too early")
    return read[0]


def misfit() -> Any:
    raise Malformed("the file is not Parquet: a field in it is of another type")
