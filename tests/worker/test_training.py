"""A trained model keeps what its metrics say."""

import json
from datetime import datetime

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import train_test_split

from shared.errors import Invalid
from shared.features import Number
from worker import housing
from worker.steps import TurnedPlace
from worker.training import Table, Trained, half_width, report, train_regression


@pytest.fixture(scope="module")
def sample() -> Table:
    return housing.load("sample")


@pytest.fixture(scope="module")
def trained(sample: Table) -> Trained:
    return train_regression(sample, housing.FEATURES, housing.TARGET, housing.prepare())


@pytest.fixture(scope="module")
def held_out(sample: Table) -> pd.DataFrame:
    part: pd.DataFrame = train_test_split(sample.frame, test_size=0.2, random_state=42)[1]
    return part


def inputs(frame: pd.DataFrame) -> np.ndarray:
    return frame[[feature.name for feature in housing.FEATURES]].to_numpy(dtype=np.float64)


def small(rows: int, value: float | None = None) -> Table:
    """A table in which y is three times x, or always the value."""
    x = np.arange(rows, dtype=float)
    frame = pd.DataFrame({"x": x, "y": 3 * x if value is None else value})
    return Table(frame, "small", synthetic=False, sha256="0" * 64)


def test_metrics_are_those_of_the_held_out_rows(trained: Trained, held_out: pd.DataFrame) -> None:
    errors = held_out[housing.TARGET] - trained.pipeline.predict(inputs(held_out))
    metrics = trained.metrics
    assert metrics["mse"] == pytest.approx((errors**2).mean())
    assert metrics["rmse"] == pytest.approx((errors**2).mean() ** 0.5)
    assert metrics["mae"] == pytest.approx(errors.abs().mean())
    assert metrics["r2"] == pytest.approx(1 - (errors**2).mean() / held_out[housing.TARGET].var(ddof=0))


def test_the_sample_can_be_learned(trained: Trained) -> None:
    assert trained.metrics["r2"] > 0.8
    assert trained.metrics["rmse"] < 0.45 * trained.metrics["baseline"]["rmse"]
    assert abs(trained.metrics["baseline"]["r2"]) < 0.01


def test_nine_in_ten_held_out_rows_lie_in_the_interval(trained: Trained, held_out: pd.DataFrame) -> None:
    interval = trained.metrics["interval"]
    values = trained.pipeline.predict(inputs(held_out))
    low = np.maximum(values - interval["half_width"], interval["minimum"])
    covered = held_out[housing.TARGET].between(low, values + interval["half_width"]).mean()
    assert covered == pytest.approx(interval["coverage"])
    assert 0.88 <= covered <= 0.92
    assert interval["level"] == 0.9


def test_half_width_is_the_conformal_rank() -> None:
    errors = np.random.default_rng(0).permutation(np.arange(1.0, 20.0))
    assert half_width(errors) == 18  # of 19 errors the 18th, rank (19 + 1) * 0.9
    assert half_width(np.arange(1.0, 10.0)) == 9  # of 9 the largest


def test_rows_are_used_once(trained: Trained, sample: Table) -> None:
    assert trained.training["rows"] == {"fit": 6_400, "calibration": 1_600, "held_out": 2_000}
    assert sum(trained.training["rows"].values()) == len(sample.frame)


def test_seen_is_the_range_of_the_fitted_rows(trained: Trained, sample: Table) -> None:
    learn, _ = train_test_split(sample.frame, test_size=0.2, random_state=42)
    fit, _ = train_test_split(learn, test_size=0.2, random_state=42)
    for feature, given in zip(trained.signature.inputs, housing.FEATURES, strict=True):
        assert feature.seen == (fit[given.name].min(), fit[given.name].max())
        assert feature == given.model_copy(update={"seen": feature.seen})
    assert trained.signature.outputs == ("value", "low", "high")
    assert trained.metrics["interval"]["minimum"] == learn[housing.TARGET].min()


def test_the_example_is_a_record_that_fits_the_signature(trained: Trained) -> None:
    assert list(trained.example) == [feature.name for feature in trained.signature.inputs]
    for feature in trained.signature.inputs:
        value = trained.example[feature.name]
        assert feature.seen is not None
        assert feature.seen[0] <= value <= feature.seen[1]
    assert isinstance(trained.example["total_rooms"], int)
    assert trained.example["households"] < trained.example["total_bedrooms"] * 1.2 < trained.example["total_rooms"]


def test_a_record_without_bedrooms_is_scored(trained: Trained) -> None:
    record = [float(value) for value in trained.example.values()]
    record[4] = np.nan
    assert 15_000 < trained.pipeline.predict(np.array([record]))[0] < 500_001


def test_steps_of_ours_live_where_artefacts_will_always_find_them(trained: Trained) -> None:
    parts = [part for part in trained.pipeline.get_params(deep=True).values() if hasattr(part, "get_params")]
    assert len(parts) == 2  # the preparation and the model
    modules = {type(part).__module__ for part in (trained.pipeline, *parts)}
    assert {module for module in modules if not module.startswith("sklearn.")} == {"worker.steps"}


def test_turned_places() -> None:
    turned = TurnedPlace(degrees=(0, 90)).fit([[1, 2, 3]]).transform([[1, 2, 3], [4, 5, np.nan]])
    np.testing.assert_allclose(turned, [[1, 2, 3, 1, 2], [4, 5, np.nan, 4, 5]])


def test_training_twice_gives_the_same_model(trained: Trained, sample: Table, held_out: pd.DataFrame) -> None:
    shuffled = Table(sample.frame[housing.NAMES[::-1]], sample.description, sample.synthetic, sample.sha256)
    again = train_regression(shuffled, housing.FEATURES, housing.TARGET, housing.prepare())
    assert again.metrics["rmse"] == pytest.approx(trained.metrics["rmse"])
    np.testing.assert_allclose(again.pipeline.predict(inputs(held_out)), trained.pipeline.predict(inputs(held_out)))


def test_what_a_version_tells_of_its_training(trained: Trained, sample: Table) -> None:
    assert trained.task == "regression"
    assert trained.framework.startswith("scikit-learn 1.")
    assert trained.training["sha256"] == sample.sha256
    assert trained.training["synthetic"] is True
    assert datetime.fromisoformat(trained.training["trained_at"]).utcoffset() is not None
    json.dumps([trained.metrics, trained.training, trained.example], allow_nan=False)


def test_the_report_names_the_figures_and_the_synthetic_data(trained: Trained) -> None:
    text = "\n".join(report(trained))
    assert "SYNTHETIC" in text
    assert f"{trained.metrics['rmse']:,.0f}  (always the mean: {trained.metrics['baseline']['rmse']:,.0f})" in text
    assert f"{trained.metrics['interval']['coverage']:.1%}" in text


def test_any_table_can_be_learned_from() -> None:
    trained = train_regression(small(1_000), (Number(name="x"),), "y")
    assert trained.pipeline.predict(np.array([[500.0]]))[0] == pytest.approx(1_500, abs=30)
    assert trained.metrics["r2"] > 0.99
    assert "SYNTHETIC" not in "\n".join(report(trained))


def test_what_nothing_can_be_learned_from_is_refused() -> None:
    with pytest.raises(Invalid, match="99 rows are too few to train on; give at least 100"):
        train_regression(small(99), (Number(name="x"),), "y")
    with pytest.raises(Invalid, match="the same value in every row"):
        train_regression(small(100, value=7), (Number(name="x"),), "y")
    with pytest.raises(Invalid, match='"y" is empty in 100 rows'):
        train_regression(small(100, value=np.nan), (Number(name="x"),), "y")
    table = small(200)
    table.frame["z"] = np.nan
    with pytest.raises(Invalid, match='column "z" has no value in the 128 rows to fit; leave it out'):
        train_regression(table, (Number(name="x"), Number(name="z", nullable=True)), "y")
