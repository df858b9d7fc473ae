"""Parquet, batch by batch."""

from collections.abc import Iterator
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from api.blocks import RECORDS, Block, require
from api.parquet_pages import refuse_large
from shared.errors import Malformed, TooLarge
from shared.registry import Served


def parquet_blocks(file: BinaryIO, version: Served, limit: int) -> Iterator[Block]:
    """A footer may lie about sizes, so what comes out is counted before it is spread out."""
    size = 0
    try:
        schema, table = opened(file, limit)
        require(schema.names, version)
        for batch in table.iter_batches(batch_size=RECORDS):
            size += sum(map(spread, batch.columns))
            if size > limit:
                raise TooLarge(f"the file unpacks to more than {limit:,} bytes; split it")
            if len(batch):
                yield table_block(pa.Table.from_batches([batch]).cast(schema), version)
    except (pa.ArrowException, OSError) as error:
        raise Malformed(f"the file is not Parquet: {str(error)[:200]}") from error


def opened(file: BinaryIO, limit: int) -> tuple[Any, Any]:
    """The columns as they are meant, and a reader that leaves text in its dictionaries.

    100,000 times one long text are 175 KB in a file, and 320 MB spread out.
    """
    footer = pyarrow.parquet.read_metadata(file)
    refuse_large(file, footer, limit)
    leaves = [footer.schema.column(place) for place in range(footer.num_columns)]
    texts = [leaf.path for leaf in leaves if leaf.physical_type == "BYTE_ARRAY"]
    schema = pa.schema([plain(field) for field in footer.schema.to_arrow_schema()])
    return schema, pyarrow.parquet.ParquetFile(file, read_dictionary=texts)


def plain(field: Any) -> Any:
    return field.with_type(field.type.value_type) if pa.types.is_dictionary(field.type) else field


def spread(column: Any) -> int:
    """How many bytes a column takes without dictionaries."""
    if pa.types.is_dictionary(column.type):
        lengths = pc.binary_length(column.dictionary)
        return int(pc.sum(lengths.take(column.indices), min_count=0).as_py() or 0) + len(column)
    if pa.types.is_struct(column.type):
        return sum(spread(column.field(place)) for place in range(column.type.num_fields))
    if pa.types.is_map(column.type):
        return spread(column.keys) + spread(column.items)
    if pa.types.is_nested(column.type):
        return spread(column.flatten()) + len(column)
    return int(column.nbytes)


def table_block(table: Any, version: Served) -> Block:
    names = version.signature.names
    missing = pa.nulls(len(table))
    columns = {name: whole(table[name]) if name in table.column_names else missing for name in names}
    matrix, problems = version.signature.check_table(columns)
    others = [name for name in table.column_names if name not in names]
    return Block(matrix, problems, table.select(others) if others else None)


def whole(column: Any) -> Any:
    return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
