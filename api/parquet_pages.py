"""The sizes of the pages of a Parquet file, as their headers have them: what reading it will take.

A footer may say anything, and a page is unpacked as a whole, so its header is looked at before. Headers are Thrift
structs in the compact protocol; the sizes are their second and third field.
"""

from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

from shared.errors import Malformed, TooLarge

MOST_PAGES = 100_000
AT_ONCE_BYTES = 256 << 20
BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(3, 13)
UNPACKED, PACKED = 2, 3


class Page(NamedTuple):
    unpacked: int
    packed: int


def unpacked_sizes(file: BinaryIO, footer: Any, limit: int) -> list[int]:
    """What each row group unpacks to; TooLarge above the limit, or where pages that are open at once are too large."""
    found: list[int] = []
    pages = 0
    for group in (footer.row_group(place) for place in range(footer.num_row_groups)):
        total = at_once = 0
        for column in (group.column(place) for place in range(group.num_columns)):
            sizes = [page.unpacked for page in pages_of(file, column, MOST_PAGES - pages)]
            pages, total = pages + len(sizes), total + sum(sizes)
            at_once += max(sizes, default=0)
        found.append(total)
        if sum(found) > limit:
            raise TooLarge(f"the file unpacks to more than {limit:,} bytes; split it")
        if at_once > AT_ONCE_BYTES:
            raise TooLarge(f"the pages of a row group unpack to {at_once:,} bytes; write the file with smaller pages")
    file.seek(0)
    return found


def pages_of(file: BinaryIO, column: Any, most: int) -> Iterator[Page]:
    begins = [column.data_page_offset]
    if column.has_dictionary_page and 0 < column.dictionary_page_offset < begins[0]:
        begins = [column.dictionary_page_offset]
    file.seek(begins[0])
    end = begins[0] + column.total_compressed_size
    while file.tell() < end:
        most -= 1
        page = header(file)
        if most < 0 or page.packed < 0 or page.unpacked < 0:
            raise Malformed("the file is not Parquet that can be read here: too many pages, or sizes below zero")
        file.seek(page.packed, 1)
        yield page


def header(file: BinaryIO) -> Page:
    """The header that begins here; behind it the page."""
    found: dict[int, int] = {}
    for number, kind in fields(file):
        if kind == I32 and number in (UNPACKED, PACKED):
            found[number] = zigzag(file)
        else:
            skip(file, kind)
    return Page(found.get(UNPACKED, -1), found.get(PACKED, -1))


def fields(file: BinaryIO) -> Iterator[tuple[int, int]]:
    """Number and type of each field of a struct; what it holds is to be read before the next."""
    number = 0
    while (first := byte(file)) != 0:
        number = number + (first >> 4) if first >> 4 else zigzag(file)
        yield number, first & 15


def skip(file: BinaryIO, kind: int, depth: int = 0) -> None:
    if depth > 8:
        raise Malformed("the file is not Parquet: a page's header is nested too deeply")
    if kind in (I16, I32, I64):
        varint(file)
    elif kind == BINARY:
        file.seek(varint(file), 1)
    elif kind in (BYTE, DOUBLE):
        file.seek(1 if kind == BYTE else 8, 1)
    elif kind == STRUCT:
        for _, inner in fields(file):
            skip(file, inner, depth + 1)
    elif kind in (LIST, SET, MAP):
        raise Malformed("the file is not Parquet: a page's header has a list in it")


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
    raise Malformed("the file is not Parquet: a number in a page's header does not end")


def byte(file: BinaryIO) -> int:
    read = file.read(1)
    if not read:
        raise Malformed("the file is not Parquet: it ends within a page's header")
    return read[0]
