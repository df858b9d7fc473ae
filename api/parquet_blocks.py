"""Parquet, batch by batch."""

from collections.abc import Iterator
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet

from api.blocks import RECORDS, Block, require
from shared.errors import Malformed, TooLarge
from shared.registry import Served


def parquet_blocks(file: BinaryIO, version: Served, limit: int) -> Iterator[Block]:
    """A footer may lie about sizes, so what comes out is counted."""
    size = 0
    try:
        for batch in pyarrow.parquet.ParquetFile(file).iter_batches(batch_size=RECORDS):
            size += batch.nbytes
            if size > limit:
                raise TooLarge(f"the file unpacks to more than {limit:,} bytes; split it")
            yield from table_blocks(pa.Table.from_batches([batch]), version)
    except pa.ArrowException as error:
        raise Malformed(f"the file is not Parquet: {str(error)[:200]}") from error


def table_blocks(table: Any, version: Served) -> Iterator[Block]:
    require(table.column_names, version)
    if not len(table):
        return
    names = version.signature.names
    missing = pa.nulls(len(table))
    columns = {name: whole(table[name]) if name in table.column_names else missing for name in names}
    matrix, problems = version.signature.check_table(columns)
    others = [name for name in table.column_names if name not in names]
    yield Block(matrix, problems, table.select(others) if others else None)


def whole(column: Any) -> Any:
    return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
