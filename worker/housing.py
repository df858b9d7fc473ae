"""The housing model's data: what its features are and where records to learn from come from."""

import hashlib
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv, parquet
from sklearn.datasets import fetch_california_housing

from data.housing_sample import PATH as SAMPLE
from shared.errors import Invalid
from shared.features import Number
from worker.steps import TurnedPlace
from worker.training import Table

FEATURES = (
    Number(name="longitude", minimum=-180, maximum=180, description="degrees east; California is about -124 to -114"),
    Number(name="latitude", minimum=-90, maximum=90, description="degrees north; California is about 32 to 42"),
    Number(name="housing_median_age", minimum=0, description="median age of the houses in years, 52 for 52 and more"),
    Number(name="total_rooms", minimum=0, description="rooms in the block group"),
    Number(name="total_bedrooms", minimum=0, nullable=True, description="bedrooms in the block group"),
    Number(name="population", minimum=0, description="people in the block group"),
    Number(name="households", minimum=0, description="households in the block group"),
    Number(name="median_income", minimum=0, description="median household income in 10,000 US dollars of 1990"),
)
TARGET = "median_house_value"
COLUMNS = (*FEATURES, Number(name=TARGET, minimum=0, description="median house value in US dollars of 1990"))
NAMES = [column.name for column in COLUMNS]
NUMBERS = pa.schema([(name, pa.float64()) for name in NAMES])


def load(source: str) -> Table:
    """Records of "sample", of "california" (scikit-learn fetches it) or of a CSV or Parquet file of the census."""
    return _california() if source == "california" else _file(SAMPLE if source == "sample" else Path(source))


def prepare() -> TurnedPlace:
    """The place seen along six more directions: R2 0.850 on the real data, 0.833 without."""
    return TurnedPlace()


def from_scikit_learn(fetched: pd.DataFrame) -> pd.DataFrame:
    """What `fetch_california_housing` returns, in the census form: totals for averages, dollars for 100,000s."""
    households = (fetched["Population"] / fetched["AveOccup"]).round()
    return pd.DataFrame(
        {
            "longitude": fetched["Longitude"],
            "latitude": fetched["Latitude"],
            "housing_median_age": fetched["HouseAge"],
            "total_rooms": (fetched["AveRooms"] * households).round(),
            "total_bedrooms": (fetched["AveBedrms"] * households).round(),
            "population": fetched["Population"],
            "households": households,
            "median_income": fetched["MedInc"],
            TARGET: (fetched["MedHouseVal"] * 100_000).round(),
        }
    )


def _california() -> Table:
    try:
        with warnings.catch_warnings(action="ignore"):  # it warns before its second try; the error below says enough
            fetched = fetch_california_housing(as_frame=True, n_retries=1)
    except OSError as error:
        raise Invalid(
            f"the California housing data cannot be downloaded ({error}); "
            "try again with access to the internet, or give a file of it with --data FILE"
        ) from error
    frame = from_scikit_learn(fetched.frame)
    # The download's own digest is checked by scikit-learn; this one is of the numbers that come out.
    digest = hashlib.sha256(frame.to_numpy().tobytes()).hexdigest()
    return Table(frame, "California housing census of 1990, by scikit-learn", synthetic=False, sha256=digest)


def _file(path: Path) -> Table:
    try:
        content = path.read_bytes()
        frame = _frame(content)
    except (OSError, ValueError, pa.ArrowException, Invalid) as error:
        raise Invalid(
            f"{path} cannot be read as the housing census: {error}; "
            f'give "sample", "california", or a CSV or Parquet file with the columns {", ".join(NAMES)}'
        ) from error
    synthetic = content == SAMPLE.read_bytes()
    without = int(frame[TARGET].isna().sum())
    description = "the generated sample" if synthetic else path.name
    if without:
        description += f", {without:,} rows without {TARGET} left out"
    frame = frame.dropna(subset=[TARGET]).reset_index(drop=True)
    return Table(frame, description, synthetic, hashlib.sha256(content).hexdigest())


def _frame(content: bytes) -> pd.DataFrame:
    """The census columns as numbers, each within its limits; other columns are left alone."""
    if content.startswith(b"PAR1"):
        table = parquet.read_table(pa.BufferReader(content))
    else:
        numbers = csv.ConvertOptions(column_types=NUMBERS)
        table = csv.read_csv(pa.BufferReader(content), csv.ReadOptions(use_threads=False), convert_options=numbers)
    for name in NAMES:
        if (count := table.column_names.count(name)) != 1:
            raise Invalid(f'column "{name}" is there {count} times' if count else f'column "{name}" is missing')
    frame: pd.DataFrame = table.select(NAMES).cast(NUMBERS).to_pandas()
    for column in COLUMNS:
        _check(column, frame[column.name])
    return frame


def _check(column: Number, numbers: pd.Series) -> None:
    low = -np.inf if column.minimum is None else column.minimum
    high = np.inf if column.maximum is None else column.maximum
    bad = ~(numbers.between(low, high) & np.isfinite(numbers))
    if column.nullable or column.name == TARGET:
        bad &= numbers.notna()
    if bad.any():
        row = int(bad.to_numpy().argmax())
        raise Invalid(f'column "{column.name}" has {numbers[row]} in row {row + 1}, not a number from {low} to {high}')
