"""Frames of polars, to Parquet and back."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl
import polars.selectors as cs


def write(frame: "pl.DataFrame", names: Sequence[str], folder: Path) -> Path:
    """Parquet, with null for NaN, which is how frames from elsewhere say that a value is missing."""
    path = folder / "records.parquet"
    frame.lazy().select(names).with_columns(cs.float().fill_nan(None)).sink_parquet(path)
    return path


def join(frame: "pl.DataFrame", path: Path) -> "pl.DataFrame":
    return pl.read_parquet(path).drop("record")
