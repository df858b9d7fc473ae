"""A model trained elsewhere is registered only with a signature that fits."""

import json
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans, MeanShift
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from shared.errors import Invalid
from worker import elsewhere
from worker.estimators import estimator_of

CHANCE = np.random.default_rng(0)
X = CHANCE.normal(size=(60, 2))
LINE = LinearRegression().fit(X, X[:, 0])
INPUTS = [{"name": "a", "type": "number", "seen": [-3, 3]}, {"name": "b", "type": "number"}]


def files(folder: Path, model: Any, **signature: Any) -> tuple[Path, Path]:
    joblib.dump(model, folder / "model.joblib")
    (folder / "signature.json").write_text(json.dumps({"inputs": INPUTS} | signature))
    return folder / "model.joblib", folder / "signature.json"


def test_a_model_of_each_task(tmp_path: Path) -> None:
    linear, content = elsewhere.load(*files(tmp_path, LinearRegression().fit(X, X[:, 0])))
    assert (linear.task, linear.signature.outputs, linear.signature.labels) == (
        "regression",
        ("value", "low", "high"),
        (),
    )
    assert linear.example == {"a": 0, "b": 0}
    assert content == (tmp_path / "model.joblib").read_bytes()
    forest = RandomForestClassifier(5).fit(X, np.where(X[:, 0] > 0, "yes", "no"))
    assert elsewhere.load(*files(tmp_path, forest))[0].signature.labels == ("no", "yes")
    groups, _ = elsewhere.load(*files(tmp_path, KMeans(3, n_init=1, random_state=0).fit(X)))
    assert (groups.task, groups.signature.labels) == ("clustering", (0, 1, 2))


def test_a_pipeline_that_was_fitted_on_a_frame(tmp_path: Path) -> None:
    frame = pd.DataFrame({"size": [1.0, 2.0, 3.0], "kind": ["x", "y", "x"]})
    pipeline = make_pipeline(
        make_column_transformer((OneHotEncoder(), ["kind"]), remainder="passthrough"), LinearRegression()
    ).fit(frame, [1, 2, 3])
    inputs = [{"name": "kind", "type": "category", "categories": ["x", "y"]}, {"name": "size", "type": "number"}]
    paths = files(tmp_path, pipeline, inputs=inputs, example={"kind": "x", "size": 1})
    loaded, _ = elsewhere.load(*paths)
    estimator = estimator_of(loaded.pipeline, loaded.task, loaded.signature, loaded.metrics)
    assert estimator.scores(loaded.signature.encode([["x", 3.0]]))[0, 0] == pytest.approx(3)
    with pytest.raises(Invalid, match='fitted on "kind", which is no input of the signature; is "Kind" meant'):
        elsewhere.load(*files(tmp_path, pipeline, inputs=[{**inputs[0], "name": "Kind"}, inputs[1]]))
    with pytest.raises(Invalid, match='the input "more", on which the model was not fitted'):
        elsewhere.load(*files(tmp_path, pipeline, inputs=[*inputs, {"name": "more", "type": "number"}]))


@pytest.mark.parametrize(
    ("signature", "says"),
    [
        ({"inputs": INPUTS[:1]}, "the model takes 2 inputs, the signature names 1"),
        ({"inputs": [{**INPUTS[0], "type": "text"}, INPUTS[1]]}, "inputs[0]"),
        ({"inputs": [INPUTS[0], INPUTS[0]]}, "two inputs have the same name"),
        ({"labels": ["yes", "no"]}, 'those of the model in its order, ["no", "yes"], not ["yes", "no"]'),
        ({"task": "regression"}, "the task is regression, but LogisticRegression is for classification"),
        ({"task": "ranking"}, 'the task is "ranking"; say --task'),
        ({"example": {"a": 1}}, '"b" is missing'),
        ({"example": {"a": 1, "c": 1}}, '"c" is not a feature'),
        ({"outputs": ["x"]}, 'has "outputs", which says nothing here'),
        (
            {"inputs": [{**INPUTS[0], "nullable": True}, INPUTS[1]], "example": {"a": None, "b": 1}},
            "fails on the example",
        ),
    ],
)
def test_what_does_not_fit_is_said(tmp_path: Path, signature: dict[str, Any], says: str) -> None:
    model = LogisticRegression().fit(X, np.where(X[:, 0] > 0, "yes", "no"))
    with pytest.raises(Invalid) as refused:
        elsewhere.load(*files(tmp_path, model, **signature))
    assert says in refused.value.detail


def test_a_model_with_a_threshold_of_its_own_tells_its_own_label(tmp_path: Path) -> None:
    told = np.where(X[:, 0] > 0, "yes", "no")
    model = FixedThresholdClassifier(LogisticRegression(), threshold=0.01, pos_label="yes").fit(X, told)
    loaded, _ = elsewhere.load(*files(tmp_path, model))
    estimator = estimator_of(loaded.pipeline, loaded.task, loaded.signature, loaded.metrics)
    assert estimator.rows is not None
    rows = estimator.rows(estimator.scores(X))
    assert [label for label, _, _ in rows] == model.predict(X).tolist() != told.tolist()
    assert [confidence for _, confidence, _ in rows] == [likely[label] for label, _, likely in rows]


def test_clusters_of_a_pipeline_have_numbers(tmp_path: Path) -> None:
    piped, _ = elsewhere.load(*files(tmp_path, make_pipeline(StandardScaler(), KMeans(2, n_init=1)).fit(X)))
    assert (piped.signature.labels, piped.signature.output_types) == ((0, 1), ("integer", "number"))
    uncounted, _ = elsewhere.load(*files(tmp_path, MeanShift().fit(X)))
    assert (uncounted.signature.labels, uncounted.signature.output_types) == ((), ("integer", "number"))


@pytest.mark.parametrize(
    ("model", "signature", "says"),
    [
        (LogisticRegression(), {}, "is not fitted"),
        (RandomForestClassifier(2).fit(X, [["a", "b"], ["b", "a"]] * (len(X) // 2)), {}, "predicts 2 columns"),
        (
            LinearRegression().fit(X, X[:, 0]),
            {"metrics": {"interval": {"half_width": -5}}},
            "metrics.interval.half_width",
        ),
        (LINE, {"metrics": {"note": "a\0b"}}, "NUL"),
        (LINE, {"inputs": [{**INPUTS[0], "seen": [9, 1]}, INPUTS[1]]}, "in this order"),
        (LINE, {"inputs": [{**INPUTS[0], "name": " a"}, INPUTS[1]]}, "no space"),
    ],
)
def test_what_nobody_could_use_is_refused(tmp_path: Path, model: Any, signature: dict[str, Any], says: str) -> None:
    with pytest.raises(Invalid) as refused:
        elsewhere.load(*files(tmp_path, model, **signature))
    assert says in refused.value.detail


def test_files_that_are_no_model_or_no_signature(tmp_path: Path) -> None:
    model, signature = files(tmp_path, {"not": "a model"})
    with pytest.raises(Invalid, match="holds dict, which has no predict"):
        elsewhere.load(model, signature)
    model.write_bytes(b"no pickle")
    with pytest.raises(Invalid, match="cannot be loaded by joblib"):
        elsewhere.load(model, signature)
    signature.write_text("{")
    with pytest.raises(Invalid, match="cannot be read as JSON"):
        elsewhere.load(model, signature)


def test_a_model_of_another_scikit_learn_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("sklearn.base.__version__", "1.2.3")
        paths = files(tmp_path, LinearRegression().fit(X, X[:, 0]))
    with pytest.raises(Invalid, match=r"was made by scikit-learn 1\.2\.3, here is 1\.\d+"):
        elsewhere.load(*paths)
