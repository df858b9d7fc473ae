"""A trained model keeps what its metrics say, whatever its task."""

import json
from datetime import date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

from shared.errors import Invalid
from shared.features import Boolean, Category, Date, Number
from worker import clustering, housing, iris, neighbourhoods, tabular
from worker.estimators import estimator_of
from worker.records import Records, records_of
from worker.regression import half_width
from worker.report import report
from worker.steps import DateParts, Ordered, Ratios, Scaled, TurnedPlace
from worker.table import Table
from worker.training import Trained

ROWS = 400


def table_of(columns: dict[str, object], name: str = "table.csv") -> Table:
    return Table(pa.table(columns), name, synthetic=False, sha256="0" * 64)


@pytest.fixture(scope="module")
def mixed() -> Table:
    """A table with each type of column, missing values, and three targets that follow from them."""
    chance = np.random.default_rng(0)
    size, kind = chance.normal(50, 10, ROWS), chance.choice(["a", "b", "c"], ROWS)
    day = [date(2024, 1, 1) + timedelta(days=int(n)) for n in chance.integers(0, 700, ROWS)]
    new = chance.random(ROWS) < 0.5
    weekend = np.array([one.weekday() >= 5 for one in day])
    price = size + 20 * (kind == "b") + 15 * weekend + 10 * new + chance.normal(0, 1, ROWS)
    columns: dict[str, object] = {
        "size": pa.array(np.where(chance.random(ROWS) < 0.1, np.nan, size), from_pandas=True),
        "kind": pa.array([None if n % 9 == 0 else one for n, one in enumerate(kind)]),
        "day": pa.array(day),
        "new": pa.array(new),
        "price": price,
        "dear": pa.array(np.where(price > 70, "yes", "no")),
    }
    return table_of(columns)


@pytest.fixture(scope="module")
def house() -> Trained:
    return housing.train("sample")


@pytest.fixture(scope="module")
def census() -> Records:
    return housing.records_of(housing.load("sample"))


def outputs(trained: Trained, records: list[dict[str, object]]) -> list[list[object]]:
    """What a worker would say of these records, by the way that they take through the service."""
    signature = trained.signature
    rows = [signature.check_record(record, "it") for record in records]
    estimator = estimator_of(trained.pipeline, trained.task, signature, trained.metrics)
    with threadpool_limits(1):  # as a worker does; more threads wait for each other on a busy machine, up to 20 s
        return (estimator.rows or np.ndarray.tolist)(estimator.scores(signature.encode(rows)))


def test_metrics_are_those_of_the_held_out_rows(house: Trained, census: Records) -> None:
    held_out, truth = (
        train_test_split(part, test_size=0.2, random_state=42)[1] for part in (census.matrix, census.truth)
    )
    values, metrics = house.pipeline.predict(held_out), house.metrics
    assert metrics["rmse"] == pytest.approx(((truth - values) ** 2).mean() ** 0.5)
    assert metrics["mse"] == pytest.approx(metrics["rmse"] ** 2)
    assert metrics["mae"] == pytest.approx(np.abs(truth - values).mean())
    assert metrics["r2"] == pytest.approx(1 - ((truth - values) ** 2).mean() / truth.var())
    interval = metrics["interval"]
    assert set(interval) == {"level", "half_width", "minimum", "coverage"}
    low = np.maximum(values - interval["half_width"], interval["minimum"])
    assert interval["coverage"] == pytest.approx(((low <= truth) & (truth <= values + interval["half_width"])).mean())
    fitted = train_test_split(census.truth, test_size=0.2, random_state=42)[0]
    lowest, *_, highest = metrics["quantiles"]
    assert (lowest, metrics["quantiles"][20], highest) == (fitted.min(), np.median(fitted), fitted.max())


def test_the_sample_can_be_learned(house: Trained) -> None:
    assert house.metrics["r2"] > 0.84
    assert house.metrics["rmse"] < 0.45 * house.metrics["baseline"]["rmse"]
    assert abs(house.metrics["baseline"]["r2"]) < 0.01
    assert 0.88 <= house.metrics["interval"]["coverage"] <= 0.92
    assert house.training["rows"] == {"fit": 8_000, "held_out": 2_000}


def test_seen_is_the_range_of_the_fitted_rows(house: Trained, census: Records) -> None:
    fit = train_test_split(census.matrix, test_size=0.2, random_state=42)[0]
    for place, (feature, given) in enumerate(zip(house.signature.inputs, housing.FEATURES, strict=True)):
        assert feature.seen == (np.nanmin(fit[:, place]), np.nanmax(fit[:, place]))
        assert feature == given.model_copy(update={"seen": feature.seen})
    assert house.metrics["interval"]["minimum"] >= 0


def test_the_example_of_a_house_is_scored_also_without_bedrooms(house: Trained) -> None:
    assert isinstance(house.example["total_rooms"], int)
    for record in house.example, house.example | {"total_bedrooms": None}, house.example | {"households": 0}:
        ((value, low, high),) = outputs(house, [record])
        assert 15_000 < low < value < high < 700_000


def test_half_width_is_the_conformal_rank() -> None:
    errors = np.random.default_rng(0).permutation(np.arange(1.0, 20.0))
    assert half_width(errors) == 18  # of 19 errors the 18th, rank (19 + 1) * 0.9
    assert half_width(np.arange(1.0, 10.0)) == 9  # of 9 the largest


def test_training_twice_gives_the_same_model(mixed: Table) -> None:
    first, again = (tabular.train(mixed, "price", leave_out=["dear"]) for _ in range(2))
    assert first.metrics == again.metrics


def test_what_a_version_tells_of_its_training(house: Trained) -> None:
    training = house.training
    assert training["sha256"] == housing.load("sample").sha256
    assert training["synthetic"] is True
    assert (training["target"], training["seed"]) == (housing.TARGET, 42)
    assert training["code"].startswith("0.")
    assert datetime.fromisoformat(training["trained_at"]).utcoffset() is not None
    assert house.framework.startswith("scikit-learn 1.")
    json.dumps([house.metrics, house.training, house.example], allow_nan=False)


def test_a_number_from_each_type_of_column(mixed: Table) -> None:
    trained = tabular.train(mixed, "price", leave_out=["dear"])
    assert trained.task == "regression"
    kinds = {feature.name: (type(feature), feature.nullable) for feature in trained.signature.inputs}
    assert kinds == {"size": (Number, True), "kind": (Category, True), "day": (Date, False), "new": (Boolean, False)}
    assert trained.metrics["r2"] > 0.8 > trained.metrics["baseline"]["r2"]
    record = {"size": 50, "kind": "a", "day": "2024-05-07", "new": False}
    plain, dear, sunday, new, unknown = outputs(
        trained,
        [
            record,
            record | {"kind": "b"},
            record | {"day": "2024-05-05"},
            record | {"new": True},
            {"size": None, "kind": None, "day": "2024-05-07", "new": True},
        ],
    )
    assert dear[0] - plain[0] > 10
    assert sunday[0] - plain[0] > 8
    assert new[0] - plain[0] > 5
    assert np.isfinite(unknown).all()


def test_a_table_goes_through_the_signature_as_its_records_do(mixed: Table) -> None:
    trained = tabular.train(mixed, "price", leave_out=["dear"])
    columns = {name: mixed.data[name].combine_chunks() for name in trained.signature.names}
    matrix, problems = trained.signature.check_table(columns)
    assert problems == {}
    np.testing.assert_array_equal(matrix, records_of(mixed, "price", leave_out=["dear"]).matrix)
    rows = trained.signature.decode(matrix)
    np.testing.assert_allclose(trained.signature.encode(rows), matrix)


def test_a_class_from_each_type_of_column(mixed: Table) -> None:
    trained = tabular.train(mixed, "dear", leave_out=["price"])
    assert (trained.task, trained.signature.labels) == ("classification", ("no", "yes"))
    assert trained.metrics["accuracy"] > 0.85 > trained.metrics["baseline"]["accuracy"]
    assert trained.metrics["log_loss"] < trained.metrics["baseline"]["log_loss"]
    assert sum(map(sum, trained.metrics["confusion"]["rows"])) == trained.training["rows"]["held_out"] == 80
    ((label, confidence, probabilities),) = outputs(trained, [trained.example | {"size": 90, "kind": "b"}])
    assert (label, confidence) == ("yes", probabilities["yes"])
    assert sum(probabilities.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("values", "task", "labels"),
    [
        ([True, False], "classification", (False, True)),
        ([3, 1, 2], "classification", (1, 2, 3)),
        ([0.5, 1.5], "regression", ()),
        (list(range(11)), "regression", ()),
    ],
)
def test_the_task_is_the_one_that_the_target_asks_for(values: list[object], task: str, labels: tuple[object]) -> None:
    x = np.random.default_rng(0).normal(size=330)
    trained = tabular.train(table_of({"x": x, "y": pa.array((values * 330)[:330])}), "y")
    assert (trained.task, trained.signature.labels) == (task, labels)
    assert f"{task} of y, as it holds" in report(trained)[0]


def test_iris() -> None:
    trained = iris.train()
    assert trained.signature.labels == ("setosa", "versicolor", "virginica")
    assert trained.metrics["accuracy"] >= 0.9
    assert trained.metrics["confusion"]["rows"][0] == [10, 0, 0]
    flower = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}
    ((label, confidence, probabilities),) = outputs(trained, [flower])
    assert (label, list(probabilities)) == ("setosa", ["setosa", "versicolor", "virginica"])
    assert 0.9 < confidence <= 1


def test_neighbourhoods() -> None:
    trained = neighbourhoods.train()
    assert trained.signature.labels == tuple(range(len(trained.metrics["clusters"])))
    assert trained.metrics["silhouette"] > trained.metrics["baseline"]["silhouette"] + 0.1
    assert sum(one["rows"] for one in trained.metrics["clusters"]) == 8_000
    ((label, distance),) = outputs(trained, [trained.example])
    assert label in trained.signature.labels
    assert distance > 0
    assert "SYNTHETIC" in "\n".join(report(trained))


def test_groups_that_are_there_are_found_in_columns_of_each_type() -> None:
    chance = np.random.default_rng(0)
    group = chance.integers(0, 3, ROWS)
    columns = {
        "x": group * 10 + chance.normal(size=ROWS),
        "kind": pa.array([None if n % 20 == 0 else "abc"[one] for n, one in enumerate(group)]),
        "flag": pa.array(group == 1),
    }
    trained = clustering.train(records_of(table_of(columns)))
    assert len(trained.metrics["clusters"]) == 3
    assert trained.metrics["silhouette"] > 0.8
    told = outputs(trained, [{"x": 0.0, "kind": "a", "flag": False}, {"x": 20.0, "kind": None, "flag": False}])
    assert told[0][0] != told[1][0]
    assert len(clustering.train(records_of(table_of(columns)), clusters=5).metrics["clusters"]) == 5


def test_what_nothing_can_be_learned_from_is_refused(mixed: Table) -> None:
    noise = np.random.default_rng(0).normal(size=120)
    few = {"x": noise[:10], "y": noise[:10]}
    alone = {"x": noise, "y": pa.array(["a"] * 119 + ["b"])}
    for columns, target, says in [
        (few, "y", "10 rows are too few to train on; give at least 100"),
        ({"x": noise, "y": np.ones(120)}, "y", "the same value in every row"),
        ({"x": noise, "y": pa.nulls(120)}, "y", '"y" cannot be the target: it is empty'),
        ({"x": noise, "y": noise}, "z", 'there is no column "z"'),
        ({"price": noise, "y": noise}, "prices", 'did you mean "price"?'),
        ({"x": np.ones(120), "y": noise}, "y", 'no column to learn from: "x" has the same value in every row'),
        (alone, "y", "all but 1 are seen in fewer than 5 rows"),
    ]:
        with pytest.raises(Invalid, match=says.replace("?", r"\?")):
            tabular.train(table_of(columns), target)
    for options, says in [
        ({"target": "price", "task": "clustering"}, "clustering has no target"),
        ({"task": "regression"}, "regression needs a column to predict"),
        ({"target": "dear", "task": "regression"}, "regression needs numbers"),
        ({"target": "day"}, "holds dates, which cannot be predicted"),
        ({"target": "price", "clusters": 3}, "a regression has no clusters"),
        ({"target": "price", "keep": ["price"]}, '"price" is the target'),
    ]:
        with pytest.raises(Invalid, match=says):
            tabular.train(mixed, **options)


def test_rows_without_a_target_and_of_rare_classes_are_left_out_and_that_is_said() -> None:
    x = np.random.default_rng(0).normal(size=200)
    y = ["a" if value > 0 else "b" for value in x]
    y[:3] = [None, "odd", None]
    trained = tabular.train(table_of({"x": x, "y": pa.array(y)}), "y")
    assert trained.signature.labels == ("a", "b")
    assert sum(trained.training["rows"].values()) == 197
    assert trained.training["warnings"][0] == '2 rows without "y" left out'
    assert "too few to learn and to test: odd" in trained.training["warnings"][1]


def test_the_report_has_the_figures_beside_the_baseline(house: Trained) -> None:
    lines = report(house)
    assert "SYNTHETIC" in lines[1]
    rmse, baseline = house.metrics["rmse"], house.metrics["baseline"]["rmse"]
    assert f"RMSE {rmse:>14,.0f} {baseline:>16,.0f}".split() in [line.split() for line in lines]
    assert f"{house.metrics['interval']['coverage']:.1%}" in lines[-1]


def test_the_report_says_what_was_left_out() -> None:
    noise = np.random.default_rng(0).normal(size=120)
    columns = {"id": np.arange(120), "x": noise, "y": noise + np.random.default_rng(1).normal(size=120)}
    lines = report(tabular.train(table_of(columns), "y"))
    (said,) = [line for line in lines if line.startswith("left out")]
    assert said.startswith("left out   id: is an id: whole numbers, in every row another")
    assert "--keep id" in said


def test_turned_places() -> None:
    turned = TurnedPlace(degrees=(0, 90)).fit([[1, 2, 3]]).transform([[1, 2, 3], [4, 5, np.nan]])
    np.testing.assert_allclose(turned, [[1, 2, 3, 1, 2], [4, 5, np.nan, 4, 5]])


def test_ratios() -> None:
    step = Ratios(((0, 1),)).fit([[1, 2]])
    np.testing.assert_array_equal(
        step.transform([[1, 2], [1, 0], [np.nan, 1]]), [[1, 2, 0.5], [1, 0, np.nan], [np.nan, 1, np.nan]]
    )


def test_parts_of_dates() -> None:
    days = [[(datetime(2024, 2, 29, 18) - datetime(1970, 1, 1)) / timedelta(days=1)], [-1.0], [np.nan]]
    parts = DateParts((0,)).fit(days).transform(days)[:, 1:]  # month, day, weekday, hour
    np.testing.assert_array_equal(parts, [[2, 29, 3, 18], [12, 31, 2, 0], [np.nan] * 4])


def test_categories_in_the_order_of_the_target() -> None:
    rows = np.array([[0.0]] * 30 + [[1.0]] * 30 + [[2.0]] * 30)
    step = Ordered(((0, 4),)).fit(rows, np.repeat([5.0, 9.0, 1.0], 30))
    told = step.transform([[0.0], [1.0], [2.0], [3.0], [np.nan]])
    assert told[1] > told[0] > told[2]
    assert np.isnan(told[3:]).all()  # 3 was not fitted on


def test_scaled_rows() -> None:
    rows = [[1.0, 0.0], [3.0, 1.0], [np.nan, np.nan], [1e9, 5.0]]
    scaled = Scaled(((1, 2),)).fit(rows[:2]).transform(rows)
    np.testing.assert_array_equal(scaled, [[-1, 1, 0], [1, 0, 1], [0, 0, 0], [3, 0, 0]])
