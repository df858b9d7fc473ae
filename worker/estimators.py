"""What a fitted estimator says of a matrix, in the terms of its task."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline

from shared.features import Boolean, Category, Date
from shared.signature import Label, Matrix, Signature


@dataclass(frozen=True)
class Estimator:
    """An estimator ready to score records of a signature: `scores` are numbers, `rows` the outputs they stand for."""

    scores: Callable[[Matrix], Matrix]
    rows: Callable[[Matrix], list[list[Any]]] | None = None  # None where scores are outputs as they are


def estimator_of(fitted: Any, task: str, signature: Signature, metrics: Mapping[str, Any]) -> Estimator:
    """How to score with this, by its task."""
    given = inputs_of(fitted, signature)
    if task == "regression":
        interval = metrics.get("interval")
        return Estimator(lambda matrix: values(fitted.predict(given(matrix)), interval))
    if task == "classification":
        return classifier(fitted, given, signature)
    return clusters(fitted, given)


def inputs_of(fitted: Any, signature: Signature) -> Callable[[Matrix], Any]:
    """A frame for what was fitted on one, and else the matrix."""
    names = getattr(fitted, "feature_names_in_", None)
    if names is None:
        return lambda matrix: matrix
    return lambda matrix: frame(matrix, signature)[list(names)]


def frame(matrix: Matrix, signature: Signature) -> pd.DataFrame:
    """The columns as pandas has them: text, booleans and moments where the signature says so."""
    columns = {}
    for position, feature in enumerate(signature.inputs):
        column = matrix[:, position]
        match feature:
            case Category():
                texts = np.array([*feature.categories, None], dtype=object)
                columns[feature.name] = texts[np.where(np.isnan(column), -1, column).astype(int)]
            case Boolean() if not np.isnan(column).any():
                columns[feature.name] = column == 1
            case Date():
                columns[feature.name] = pd.to_datetime(column, unit="D")
            case _:
                columns[feature.name] = column
    return pd.DataFrame(columns)


def values(predicted: Any, interval: Mapping[str, float] | None) -> Matrix:
    """Value, low and high; without a measured interval all three are the value."""
    value = np.asarray(predicted, dtype=float).reshape(-1)
    half, lowest = (interval["half_width"], interval["minimum"]) if interval else (0.0, -np.inf)
    return np.column_stack([value, np.maximum(value - half, np.minimum(lowest, value)), value + half])


def classifier(fitted: Any, given: Callable[[Matrix], Any], signature: Signature) -> Estimator:
    """The label that the model tells, how likely it is, and how likely each is."""
    labels, names = signature.labels, signature.label_names
    if not hasattr(fitted, "predict_proba"):
        return plain_classifier(fitted, given, signature)

    tells = told_places(fitted, labels)

    def scores(matrix: Matrix) -> Matrix:
        records = given(matrix)
        likely = np.asarray(fitted.predict_proba(records), dtype=float)
        return np.column_stack([tells(records, likely), likely])

    def rows(scores: Matrix) -> list[list[Any]]:
        places, likely = scores[:, 0].astype(int), scores[:, 1:]
        confidence = likely[np.arange(len(likely)), places].tolist()
        named = (dict(zip(names, row, strict=True)) for row in likely.tolist())
        return [[labels[place], *rest] for place, *rest in zip(places.tolist(), confidence, named, strict=True)]

    return Estimator(scores, rows)


def told_places(fitted: Any, labels: Sequence[Label]) -> Callable[[Any, Matrix], Any]:
    """The places of the labels that the model tells: not always the likeliest, as with a threshold of one's own."""
    final = fitted[-1] if isinstance(fitted, Pipeline) else fitted
    if isinstance(final, HistGradientBoostingClassifier):  # tells the likeliest, and asking it takes as long again
        return lambda _, likely: likely.argmax(axis=1)
    places = {label: float(place) for place, label in enumerate(labels)}
    return lambda records, _: [places[label] for label in np.asarray(fitted.predict(records)).tolist()]


def plain_classifier(fitted: Any, given: Callable[[Matrix], Any], signature: Signature) -> Estimator:
    """A label alone, of a model that knows no probabilities."""
    labels = signature.labels
    tells = told_places(fitted, labels)

    def scores(matrix: Matrix) -> Matrix:
        return np.array(tells(given(matrix), np.empty((0, 0))), dtype=float).reshape(-1, 1)

    return Estimator(scores, lambda found: [[labels[int(place)], None, None] for place in found[:, 0]])


def clusters(fitted: Any, given: Callable[[Matrix], Any]) -> Estimator:
    """The number of the cluster, and how far its middle is where the model can tell."""
    measures = hasattr(fitted, "transform")

    def scores(matrix: Matrix) -> Matrix:
        records = given(matrix)
        labels = np.asarray(fitted.predict(records), dtype=float)
        distance = np.asarray(fitted.transform(records)).min(axis=1) if measures else np.zeros(len(labels))
        return np.column_stack([labels, distance])

    def rows(found: Matrix) -> list[list[Any]]:
        return [[int(label), distance if measures else None] for label, distance in found.tolist()]

    return Estimator(scores, rows)
