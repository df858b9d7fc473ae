"""The committed sample is what the program makes, and looks like the census."""

import re

import numpy as np
import pandas as pd
import pytest

from data import housing_sample


@pytest.fixture(scope="module")
def committed() -> pd.DataFrame:
    return pd.read_csv(housing_sample.PATH)


def test_the_program_writes_the_committed_bytes() -> None:
    made = housing_sample.sample().to_csv(index=False, lineterminator="\n").encode()
    assert made == housing_sample.PATH.read_bytes()
    assert len(made) < 700_000


def test_columns_and_types(committed: pd.DataFrame) -> None:
    assert ",".join(committed.columns) == (
        "longitude,latitude,housing_median_age,total_rooms,total_bedrooms,population,households,median_income,"
        "median_house_value"
    )
    assert len(committed) == 10_000
    integers = [committed.columns[i] for i in (2, 3, 5, 6, 8)]
    assert (committed[integers].dtypes == np.int64).all()
    row = re.compile(r"-\d{3}\.\d{1,2},\d{2}\.\d{1,2},\d+,\d+,\d*,\d+,\d+,\d+\.\d{1,4},\d+")
    assert all(row.fullmatch(line) for line in housing_sample.PATH.read_text().splitlines()[1:])


def test_ranges(committed: pd.DataFrame) -> None:
    assert committed["longitude"].between(-124.4, -114.1).all()
    assert committed["latitude"].between(32.5, 42.0).all()
    assert committed["housing_median_age"].between(1, 52).all()
    assert committed["median_income"].between(0.4999, 15.0001).all()
    assert committed["median_house_value"].between(14_999, 500_001).all()
    assert (committed[["total_rooms", "population", "households"]] >= 1).all(axis=None)
    assert (committed["total_bedrooms"].fillna(0) < committed["total_rooms"]).all()


def test_missing_bedrooms_and_capped_values(committed: pd.DataFrame) -> None:
    assert 0.005 < committed["total_bedrooms"].isna().mean() < 0.02
    assert not committed.drop(columns="total_bedrooms").isna().any(axis=None)
    assert 0.03 < (committed["median_house_value"] == 500_001).mean() < 0.08


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [
        ("median_income", "median_house_value", 0.5, 0.8),
        ("total_rooms", "households", 0.85, 0.99),
        ("total_rooms", "housing_median_age", -0.5, -0.2),
        ("longitude", "latitude", -0.97, -0.85),
    ],
)
def test_columns_depend_on_each_other_as_in_the_census(
    committed: pd.DataFrame, one: str, other: str, low: float, high: float
) -> None:
    assert low < committed[one].corr(committed[other]) < high


def test_homes_are_dearer_at_the_coast(committed: pd.DataFrame) -> None:
    distance = housing_sample.coast_distance(committed[["longitude", "latitude"]].to_numpy())
    value = committed["median_house_value"]
    assert value[distance < 0.2].median() > 1.5 * value[distance > 1].median()


@pytest.mark.parametrize(
    ("longitude", "latitude", "expected"),
    [
        (-118.25, 34.05, True),  # Los Angeles
        (-121.49, 38.58, True),  # Sacramento
        (-122.45, 37.76, True),  # San Francisco
        (-123.5, 36.0, False),  # the Pacific
        (-119.0, 33.5, False),  # the sea off Los Angeles
        (-115.14, 36.17, False),  # Las Vegas
        (-119.81, 39.53, False),  # Reno
        (-117.02, 32.3, False),  # Tijuana
    ],
)
def test_which_places_lie_in_the_state(longitude: float, latitude: float, expected: bool) -> None:
    assert housing_sample.inside(np.array([[longitude, latitude]])).tolist() == [expected]


def test_every_record_lies_in_the_state(committed: pd.DataFrame) -> None:
    assert housing_sample.inside(committed[["longitude", "latitude"]].to_numpy()).all()
