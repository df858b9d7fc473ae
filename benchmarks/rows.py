"""CSV files of as many records as wanted: the sample's, drawn at random and each moved a little."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv

from benchmarks.load import SAMPLE

BLOCK = 100_000  # records in memory at a time
SEED = 42
DECIMALS = {"longitude": 2, "latitude": 2, "median_income": 4}  # as in the census; the others are whole
WITHOUT_HEADER = pyarrow.csv.WriteOptions(include_header=False)  # which it would put into quotes


def write(path: Path, count: int) -> None:
    """The same bytes each time; a smaller file is the beginning of a larger one."""
    sample = pd.read_csv(SAMPLE).drop(columns="median_house_value")
    random = np.random.default_rng(SEED)
    schema = as_table(sample.head(0)).schema
    with open(path, "wb") as file, pyarrow.csv.CSVWriter(file, schema, write_options=WITHOUT_HEADER) as writer:
        file.write(",".join(schema.names).encode() + b"\n")
        for first in range(0, count, BLOCK):
            writer.write_table(as_table(moved(sample, random).head(count - first)))


def moved(sample: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    """A block of records, each number up to 2 % off that of its original; a place 0.1 % at the most."""
    block = sample.iloc[random.integers(len(sample), size=BLOCK)].reset_index(drop=True)
    for name in block.columns:
        most = 0.001 if name in ("longitude", "latitude") else 0.02
        block[name] = (block[name] * random.uniform(1 - most, 1 + most, BLOCK)).round(DECIMALS.get(name, 0))
    return block


def as_table(block: pd.DataFrame) -> pa.Table:
    """Columns of numbers, whole ones without a point, null where one is missing."""
    kinds = [(name, pa.float64() if name in DECIMALS else pa.int64()) for name in block.columns]
    return pa.Table.from_pandas(block, schema=pa.schema(kinds), preserve_index=False)
