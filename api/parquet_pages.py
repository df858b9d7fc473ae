"""The sizes of the pages of a Parquet file, as their headers have them: what reading it will take.

A footer may say anything, and a page is unpacked as a whole, so its header is looked at before. Where the pages are is
read from the footer here, too: pyarrow's own way to ask for that ends the whole process if a footer contradicts itself.
"""

import io
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from api.thrift import Reader, integer, one_struct, struct, structs
from shared.errors import Malformed, TooLarge

MOST_PAGES = 100_000
AT_ONCE_BYTES = 256 << 20
FOOTER_BYTES = 32 << 20
TAIL = 8  # its length in four bytes, and PAR1
# Numbers of fields: of the footer and what is in it, and of the header of a page.
ROW_GROUPS, COLUMNS, METADATA = 4, 1, 3
PACKED_SIZE, DATA_PAGE, DICTIONARY_PAGE = 7, 9, 11
UNPACKED, PACKED = 2, 3
CHUNK: dict[int, Reader] = {METADATA: one_struct({PACKED_SIZE: integer, DATA_PAGE: integer, DICTIONARY_PAGE: integer})}
FOOTER = {ROW_GROUPS: structs({COLUMNS: structs(CHUNK)})}


class Chunk(NamedTuple):
    """Where the pages of a column are, in one row group."""

    begin: int
    end: int


class Page(NamedTuple):
    unpacked: int
    packed: int


def unpacked_sizes(file: BinaryIO, limit: int) -> list[int]:
    """What each row group unpacks to; TooLarge above the limit, or where pages that are open at once are too large."""
    found: list[int] = []
    pages = 0
    for group in groups_of(file):
        total = at_once = 0
        for chunk in group:
            sizes = [page.unpacked for page in pages_of(file, chunk, MOST_PAGES - pages)]
            pages, total = pages + len(sizes), total + sum(sizes)
            at_once += max(sizes, default=0)
        found.append(total)
        if sum(found) > limit:
            raise TooLarge(f"the file unpacks to more than {limit:,} bytes; split it")
        if at_once > AT_ONCE_BYTES:
            raise TooLarge(f"the pages of a row group unpack to {at_once:,} bytes; write the file with smaller pages")
    file.seek(0)
    return found


def groups_of(file: BinaryIO) -> list[list[Chunk]]:
    """The columns of each row group."""
    found = struct(footer_of(file), FOOTER)
    return [
        [chunk_of(column.get(METADATA, {})) for column in group.get(COLUMNS, ())] for group in found.get(ROW_GROUPS, ())
    ]


def footer_of(file: BinaryIO) -> BinaryIO:
    end = file.seek(-TAIL, io.SEEK_END)
    size = int.from_bytes(file.read(4), "little")
    if not 0 < size <= min(end, FOOTER_BYTES):
        raise Malformed(f"the footer of the file must have 1 to {FOOTER_BYTES:,} bytes, not {size:,}")
    file.seek(end - size)
    return io.BytesIO(file.read(size))


def chunk_of(metadata: dict[int, int]) -> Chunk:
    if not {PACKED_SIZE, DATA_PAGE} <= metadata.keys():
        raise Malformed("the footer of the file does not say where a column is")
    begin, dictionary = metadata[DATA_PAGE], metadata.get(DICTIONARY_PAGE, 0)
    begin = dictionary if 0 < dictionary < begin else begin
    return Chunk(begin, begin + metadata[PACKED_SIZE])


def pages_of(file: BinaryIO, chunk: Chunk, most: int) -> Iterator[Page]:
    file.seek(chunk.begin)
    while file.tell() < chunk.end:
        most -= 1
        page = header(file)
        if most < 0 or page.packed < 0 or page.unpacked < 0:
            raise Malformed("the file is not Parquet that can be read here: too many pages, or sizes below zero")
        file.seek(page.packed, 1)
        yield page


def header(file: BinaryIO) -> Page:
    """The header that begins here; behind it the page."""
    found = struct(file, {UNPACKED: integer, PACKED: integer})
    return Page(found.get(UNPACKED, -1), found.get(PACKED, -1))
