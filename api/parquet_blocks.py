"""Parquet, batch by batch."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from api.blocks import Block, records_of, require
from api.cells import refuse_unwritable, whole
from api.parquet_pages import unpacked_sizes
from shared.errors import Malformed, TooLarge
from shared.registry import Served

BATCH_BYTES = 32 << 20


def parquet_blocks(file: BinaryIO, version: Served, limit: int) -> Iterator[Block]:
    """A footer may lie about sizes, so what comes out is counted before it is spread out."""
    size = 0
    with reading():
        source = opened(file, limit)
    require(source.schema.names, version)
    refuse_unwritable(source.schema)
    batches = source.batches()
    while (batch := read_next(batches)) is not None:
        with reading():
            size += sum(map(spread, batch.columns))
        if size > limit:
            raise TooLarge(f"the file unpacks to more than {limit:,} bytes; split it")
        if len(batch):
            with reading():
                table = pa.Table.from_batches([batch]).cast(source.schema)
                table.validate(full=True)  # text may not be UTF-8
            yield table_block(table, version)


@contextmanager
def reading() -> Iterator[None]:
    """What is wrong with the bytes of a file shows in many ways."""
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, KeyError, IndexError, OverflowError) as error:
        raise Malformed(f"the file is not Parquet that can be read here: {str(error)[:200]}") from error


def read_next(batches: Iterator[Any]) -> Any:
    with reading():
        return next(batches, None)


class Source(NamedTuple):
    """An open file: its columns as they are meant, and what each of its row groups unpacks to."""

    schema: Any
    file: Any
    group_bytes: list[int]

    def batches(self) -> Iterator[Any]:
        most = records_of(len(self.schema))
        for group, size in enumerate(self.group_bytes):
            records = self.file.metadata.row_group(group).num_rows
            step = min(most, max(1, BATCH_BYTES * records // max(1, size)))
            yield from self.file.iter_batches(batch_size=step, row_groups=[group])


def opened(file: BinaryIO, limit: int) -> Source:
    """Text is left in its dictionaries: 100,000 times one long text are 175 KB in a file, and 320 MB spread out."""
    footer = pyarrow.parquet.read_metadata(file)
    group_bytes = unpacked_sizes(file, limit)
    leaves = [footer.schema.column(place) for place in range(footer.num_columns)]
    texts = [leaf.path for leaf in leaves if leaf.physical_type == "BYTE_ARRAY"]
    schema = pa.schema([plain(field) for field in footer.schema.to_arrow_schema()])
    return Source(schema, pyarrow.parquet.ParquetFile(file, read_dictionary=texts), group_bytes)


def plain(field: Any) -> Any:
    """The column as it is stored: without dictionary, and without its author's notes, as there may be notes of ours."""
    kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    return pa.field(field.name, pa.string() if pa.types.is_string_view(kind) else kind)


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
