"""A number from a record, with the interval that holds nine in ten."""

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error
from sklearn.pipeline import Pipeline

from shared.features import Numbers
from worker import boosting
from worker.records import Records
from worker.training import Places, Split, Trained, few_threads, folds, split, trained

LEVEL = 0.9
QUANTILES = 41  # a fortieth of the values learned from lies between two of them


def train(records: Records, given: Pipeline | None = None) -> Trained:
    """A model of the target, measured on a fifth of the rows that it never saw; `given` is one to fit as it is."""
    began = time.perf_counter()
    with few_threads(len(records.matrix)):
        parts, truth = split(len(records.matrix)), boosting.truth_of(records)
        fit = fitted_as_given(records, given) if given else fitted_to(records)
        pipeline, errors = fit(parts.fit)
        interval = {"level": LEVEL, "half_width": half_width(errors), "minimum": float(truth[parts.fit].min())}
        return trained(records, parts, pipeline, metrics(records, parts, pipeline, interval), began)


Fit = Callable[[Places], tuple[Pipeline, Numbers]]


def fitted_as_given(records: Records, given: Pipeline) -> Fit:
    """The pipeline fitted on all rows, and the errors of its like on rows that these had not seen."""

    def fit(rows: Places) -> tuple[Pipeline, Numbers]:
        matrix, truth = records.matrix[rows], boosting.truth_of(records)[rows]
        errors = [
            np.abs(clone(given).fit(matrix[some], truth[some]).predict(matrix[others]) - truth[others])
            for some, others in folds(len(rows))
        ]
        return clone(given).fit(matrix, truth), np.concatenate(errors)

    return fit


def fitted_to(records: Records) -> Fit:
    """The same with as many rounds as the records are worth."""

    def fit(rows: Places) -> tuple[Pipeline, Numbers]:
        errors, rounds = [], []
        for some, others in folds(len(rows)):
            model, best = boosting.stopped(
                HistGradientBoostingRegressor, records, boosting.ROUNDS, rows[some], rows[others]
            )
            told = model.predict(records.matrix[rows[others]])
            errors.append(np.abs(told - boosting.truth_of(records)[rows[others]]))
            rounds.append(best)
        return boosting.final(HistGradientBoostingRegressor, records, rounds, rows), np.concatenate(errors)

    return fit


def half_width(errors: Numbers) -> float:
    """How far a value must reach to both sides to hold 90 % of new rows, by the conformal rank."""
    rank = math.ceil((len(errors) + 1) * LEVEL)
    return float(np.sort(errors)[rank - 1])


def metrics(records: Records, parts: Split, pipeline: Pipeline, interval: dict[str, float]) -> dict[str, Any]:
    """The figures on the held-out rows, beside those of a model that always says the mean."""
    every = boosting.truth_of(records)
    truth, values = every[parts.held_out], pipeline.predict(records.matrix[parts.held_out])
    low = np.maximum(values - interval["half_width"], np.minimum(interval["minimum"], values))
    covered = (low <= truth) & (truth <= values + interval["half_width"])
    return {
        **errors_of(truth, values),
        "baseline": errors_of(truth, np.full_like(truth, every[parts.fit].mean())),
        "interval": {**interval, "coverage": float(covered.mean())},
        "quantiles": np.quantile(every[parts.fit], np.linspace(0, 1, QUANTILES)).tolist(),
    }


def errors_of(truth: Numbers, values: Numbers) -> dict[str, float]:
    rmse = float(root_mean_squared_error(truth, values))
    return {
        "mse": rmse**2,
        "rmse": rmse,
        "mae": float(mean_absolute_error(truth, values)),
        "r2": float(r2_score(truth, values)),
    }
