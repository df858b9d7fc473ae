"""From an upload to slices: blocks are counted and cut while the next one is read."""

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import orjson
import pyarrow as pa

from api.blocks import MOST_COLUMNS, Block, merged
from api.csv_blocks import csv_blocks
from api.json_blocks import json_blocks, line_blocks
from api.parquet_blocks import parquet_blocks
from api.spool import Upload
from shared.errors import Invalid, TooLarge
from shared.jobs import Found, NewSlice
from shared.registry import Served
from shared.settings import settings
from shared.signature import Signature

ERRORS_TOLD = 100


@dataclass
class Tally(Found):
    """The same with its records counted, block by block."""

    total: int = 0
    bad: int = 0
    errors: list[dict[str, Any]] = field(default_factory=list)
    extra_bytes: int = 0

    def count(self, block: Block, signature: Signature) -> int:
        """Counts the block; the place of its first record in the file."""
        first = self.total
        self.total += block.size
        self.bad += len(block.problems)
        self.outside.update(signature.outside(block.valid))
        if self.total > settings().job_records:
            raise TooLarge(f"a job may have at most {settings().job_records:,} records; split the file")
        for row, problems in sorted(block.problems.items()):
            if len(self.errors) < ERRORS_TOLD:
                self.errors += [{"record": first + row, **problem} for problem in problems]
        self.extras |= merged(self.extras, block.extras)
        if len(self.extras) > MOST_COLUMNS:
            raise Invalid(
                f"the records have {len(self.extras):,} other members; they may have at most {MOST_COLUMNS:,}"
            )
        return first

    def weigh(self, part: NewSlice) -> NewSlice:
        """The slice, unless the file is one of few bytes that become many."""
        self.extra_bytes += len(part.extras or b"")
        if self.extra_bytes > settings().job_bytes:
            raise TooLarge(f"the other columns unpack to more than {settings().job_bytes:,} bytes; leave some out")
        return part

    def refuse(self, reject: bool) -> None:
        """Raises Invalid for a file that is not to be scored at all."""
        if self.total == 0:
            raise Invalid("the file has no records")
        if self.bad == self.total:
            raise Invalid("no record of the file is valid; nothing was stored", self.errors)
        if reject and self.bad:
            raise Invalid(f"{self.bad:,} of {self.total:,} records are not valid; nothing was stored", self.errors)


def blocks_of(upload: Upload, version: Served, delimiter: str | None) -> Iterator[Block]:
    """The records of an upload; Invalid or Malformed when it cannot be read as a table of this version."""
    file = upload.file
    if delimiter and upload.kind.format != "csv":
        raise Invalid(f"delimiter is for CSV; this is {upload.kind.format}")
    if upload.kind.format == "csv":
        return csv_blocks(file, upload.kind.charset, delimiter, version)
    if upload.kind.format == "parquet":
        return parquet_blocks(file, version, settings().job_bytes)
    return line_blocks(file, version) if upload.kind.format == "ndjson" else json_blocks(file.read(), version)


def slices_of(
    upload: Upload, version: Served, tally: Tally, reject: bool, delimiter: str | None
) -> Generator[NewSlice, None, None]:
    """The upload, cut into slices that take about as long as each other; at its end Invalid, if it is refused."""
    with closing(ahead(blocks_of(upload, version, delimiter))) as blocks:
        for block in blocks:
            first = tally.count(block, version.signature)
            pieces = -(-block.size // version.slice_records)
            for piece in range(pieces):
                begin, end = block.size * piece // pieces, block.size * (piece + 1) // pieces
                yield tally.weigh(cut(block, begin, end, first + begin, version.signature))
    tally.refuse(reject)


def ahead(blocks: Iterator[Block]) -> Generator[Block, None, None]:
    """The same, each made while the one before it is stored."""
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, blocks, None)
        while block := coming.result():
            coming = thread.submit(next, blocks, None)
            yield block


def cut(block: Block, begin: int, end: int, first: int, signature: Signature) -> NewSlice:
    bad = [row for row in block.problems if begin <= row < end]
    errors = [{"offset": row - begin, "refused": True, **joined(block.problems[row])} for row in sorted(bad)]
    written = signature.to_json(block.matrix[begin:end])
    return NewSlice(first, end - begin, without(written, bad, begin), extras(block, begin, end), errors)


def joined(problems: list[dict[str, Any]]) -> dict[str, Any]:
    """One error for a record: its first problem, with what else is wrong. PostgreSQL's text cannot hold a NUL."""
    detail = "; ".join(problem["detail"] for problem in problems)
    texts = {name: text.replace("\0", "\ufffd") for name, text in problems[0].items() if isinstance(text, str)}
    return {**problems[0], **texts, "detail": detail.replace("\0", "\ufffd")}


def without(written: bytes, bad: list[int], begin: int) -> bytes:
    """The same JSON with null for each record that was refused."""
    if not bad:
        return written
    rows: list[Any] = orjson.loads(written)
    for row in bad:
        rows[row - begin] = None
    return orjson.dumps(rows)


def extras(block: Block, begin: int, end: int) -> bytes | None:
    """The other columns as Arrow IPC."""
    if block.extras is None:
        return None
    table = block.extras.slice(begin, end - begin)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    written: bytes = sink.getvalue().to_pybytes()
    return written
