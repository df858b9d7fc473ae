"""Where the housing model's records come from, and what is refused on the way."""

import hashlib
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest

from data.housing_sample import PATH as SAMPLE
from shared.errors import Invalid
from worker import housing
from worker.table import Table

NAMES = list(housing.CENSUS.names)
HEADER = ",".join(NAMES)
ROW = "-120.5,37.25,20,3000,600,1800,500,4.5,210000"


def write(folder: Path, *lines: str) -> str:
    path = folder / "homes.csv"
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def row(table: Table) -> list[float]:
    return list(table.data.to_pylist()[0].values())


def test_features_are_the_eight_of_the_census_in_order() -> None:
    names = [feature.name for feature in housing.FEATURES]
    assert ",".join(names) == (
        "longitude,latitude,housing_median_age,total_rooms,total_bedrooms,population,households,median_income"
    )
    assert [feature.name for feature in housing.FEATURES if feature.nullable] == ["total_bedrooms"]
    assert (housing.FEATURES[0].minimum, housing.FEATURES[0].maximum) == (-180, 180)
    assert (housing.FEATURES[1].minimum, housing.FEATURES[1].maximum) == (-90, 90)
    assert {(feature.minimum, feature.maximum) for feature in housing.FEATURES[2:]} == {(0, None)}


def test_the_sample() -> None:
    table = housing.load("sample")
    assert table.synthetic
    assert table.sha256 == hashlib.sha256(SAMPLE.read_bytes()).hexdigest()
    pd.testing.assert_frame_equal(table.data.to_pandas(), pd.read_csv(SAMPLE).astype(float))


def test_a_copy_of_the_sample_is_still_synthetic(tmp_path: Path) -> None:
    copy = tmp_path / "real.csv"
    copy.write_bytes(SAMPLE.read_bytes())
    assert housing.load(str(copy)).synthetic


def test_a_csv_with_more_columns_in_another_order(tmp_path: Path) -> None:
    columns = NAMES[::-1]
    values = ROW.split(",")[::-1]
    source = write(tmp_path, ",".join(["ocean_proximity", *columns]), ",".join(["INLAND", *values]))
    table = housing.load(source)
    assert table.data.column_names == NAMES
    assert row(table) == [-120.5, 37.25, 20, 3000, 600, 1800, 500, 4.5, 210000]
    assert (table.synthetic, table.description) == (False, "homes.csv")
    assert table.sha256 == hashlib.sha256(Path(source).read_bytes()).hexdigest()


def test_parquet_is_read_like_csv(tmp_path: Path) -> None:
    frame = pd.read_csv(SAMPLE).head(50).assign(ocean_proximity="INLAND")
    frame.to_parquet(tmp_path / "homes.parquet")
    table = housing.load(str(tmp_path / "homes.parquet"))
    pd.testing.assert_frame_equal(table.data.to_pandas(), frame[NAMES].astype(float))


def test_missing_bedrooms_stay_and_rows_without_a_value_are_left_out(tmp_path: Path) -> None:
    rows = [ROW.rsplit(",", 1)[0] + ",", ROW.replace(",600,", ",,"), *[ROW] * 120]
    records = housing.records_of(housing.load(write(tmp_path, HEADER, *rows)))
    assert records.warnings == ('1 rows without "median_house_value" left out',)
    assert records.matrix.shape == (121, 8)
    assert np.isnan(records.matrix[0, 4])
    assert records.matrix[1, 4] == 600


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([HEADER.replace("median_income", "income"), ROW], 'column "median_income" is missing'),
        ([HEADER + ",population", ROW + ",7"], 'column "population" is there 2 times'),
        ([HEADER, ROW, ROW.replace("4.5", "high")], 'column "median_income" holds no numbers'),
        ([HEADER, ROW + ",1", ROW + ",1"], "Expected 9 columns, got 10"),
        ([HEADER, ROW, ROW.replace("37.25", "137.25")], 'row 2: "latitude" must be at most 90, not 137.25'),
        ([HEADER, ROW, ROW.replace("1800", "")], 'row 2: "population" must not be null'),
        ([HEADER, ROW.replace("4.5", "1e999")], 'column "median_income" is empty'),
        ([HEADER, ROW.replace("210000", "-1")], 'row 1: "median_house_value" must be at least 0, not -1'),
        ([], "Empty CSV file"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path: Path, lines: list[str], says: str) -> None:
    with pytest.raises(Invalid) as refused:
        housing.load(write(tmp_path, *lines))
    assert says in refused.value.detail
    assert f"with the columns {HEADER.replace(',', ', ')}" in refused.value.detail


@pytest.mark.parametrize("content", [b"PAR1 and no more", b"\x00\xff\xfe", HEADER.encode() + b",caf\xe9\n"])
def test_a_file_that_is_neither_csv_nor_parquet(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "homes.parquet"
    path.write_bytes(content)
    with pytest.raises(Invalid, match="cannot be read as a table"):
        housing.load(str(path))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="there is no file"):
        housing.load(str(tmp_path / "nowhere.csv"))
    with pytest.raises(Invalid, match="directory"):
        housing.load(str(tmp_path))


def test_scikit_learns_form_becomes_the_census_form() -> None:
    fetched = pd.DataFrame(
        {
            "MedInc": [4.5],
            "HouseAge": [20.0],
            "AveRooms": [3001 / 499],
            "AveBedrms": [607 / 499],
            "Population": [1801.0],
            "AveOccup": [1801 / 499],
            "Latitude": [37.25],
            "Longitude": [-120.5],
            "MedHouseVal": [2.101],
        }
    )
    record = housing.from_scikit_learn(fetched)
    assert list(record.columns) == NAMES
    assert record.iloc[0].tolist() == [-120.5, 37.25, 20, 3001, 607, 1801, 499, 4.5, 210100]


def test_california_from_what_scikit_learn_has_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # scikit-learn keeps: value, income, age, rooms, bedrooms, population, households, latitude, longitude
    kept = np.array([[210100, 4.5, 20, 3001, 607, 1801, 499, 37.25, -120.5]])
    joblib.dump(kept, tmp_path / "cal_housing_py3.pkz", compress=6)
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    table = housing.load("california")
    assert row(table) == [-120.5, 37.25, 20, 3001, 607, 1801, 499, 4.5, 210100]
    assert not table.synthetic
    assert len(table.sha256) == 64


def test_california_without_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # the discard port: nothing listens there
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setattr("urllib.request._opener", None)  # it remembers the proxies of its first use
    with pytest.raises(Invalid) as refused:
        housing.load("california")
    assert "refused" in refused.value.detail
    assert "or give a file of it with --data FILE" in refused.value.detail
    assert "\n" not in refused.value.detail
    assert list(tmp_path.iterdir()) == []
