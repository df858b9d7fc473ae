"""Frames of pandas, to Parquet and back."""

from collections.abc import Sequence
from pathlib import Path

from scoreline.errors import Unusable

try:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet
except ImportError as error:
    raise Unusable(f'{error}; frames of pandas need: pip install "scoreline[pandas]"') from error

BLOCK = 100_000  # rows in memory twice at a time
# Labels stay what they are where a row has none; pandas would make numbers with a point of them, or objects.
NULLABLE = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}


def write(frame: "pd.DataFrame", names: Sequence[str], folder: Path) -> Path:
    """Parquet; NDJSON where a column holds values of several types, so that only bad records fail."""
    try:
        return write_parquet(frame, names, folder / "records.parquet")
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return write_ndjson(frame, names, folder / "records.ndjson")


def write_parquet(frame: "pd.DataFrame", names: Sequence[str], path: Path) -> Path:
    schema = pa.schema([(name, pa.Array.from_pandas(frame[name]).type) for name in names])
    with pyarrow.parquet.ParquetWriter(path, schema) as writer:
        for first in range(0, len(frame), BLOCK):
            block = frame.iloc[first : first + BLOCK][list(names)]
            writer.write_table(pa.Table.from_pandas(block, schema, preserve_index=False))
    return path


def write_ndjson(frame: "pd.DataFrame", names: Sequence[str], path: Path) -> Path:
    with open(path, "w", encoding="utf-8") as file:
        for first in range(0, len(frame), BLOCK):
            block = frame.iloc[first : first + BLOCK][list(names)]
            file.write(block.to_json(orient="records", lines=True, date_format="iso", double_precision=15))
    return path


def read(path: Path) -> "pd.DataFrame":
    table = pyarrow.parquet.read_table(path)
    holed = {column.type for column in table.columns if column.null_count}
    kinds = {kind: made for kind, made in NULLABLE.items() if kind in holed}
    found: pd.DataFrame = table.to_pandas(types_mapper=kinds.get, split_blocks=True, self_destruct=True)
    return found


def join(frame: "pd.DataFrame", path: Path) -> "pd.DataFrame":
    found = read(path).drop(columns="record")
    found.index = frame.index
    return found
