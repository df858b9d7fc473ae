"""A class from a record, with how likely each is."""

import time
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, log_loss

from shared.signature import Matrix
from worker import boosting
from worker.records import Labels, Records
from worker.training import Trained, few_threads, folds, split, trained


def train(records: Records) -> Trained:
    """A model of the classes, measured on a fifth of the rows of each that it never saw."""
    began = time.perf_counter()
    with few_threads(len(records.matrix)):
        truth = boosting.truth_of(records)
        parts = split(len(truth), strata=truth)
        most = boosting.most_rounds(len(np.unique(truth)))
        rounds = [
            boosting.stopped(HistGradientBoostingClassifier, records, most, parts.fit[some], parts.fit[others])[1]
            for some, others in folds(len(parts.fit), strata=truth[parts.fit])
        ]
        pipeline = boosting.final(HistGradientBoostingClassifier, records, rounds, parts.fit)
        likely = pipeline.predict_proba(records.matrix[parts.held_out])
        figures = metrics(truth[parts.fit], truth[parts.held_out], likely, pipeline.classes_)
        return trained(records, parts, pipeline, figures, began, labels=pipeline.classes_.tolist())


def metrics(fitted: Labels, truth: Labels, likely: Matrix, classes: Labels) -> dict[str, Any]:
    """The figures on the held-out rows, beside those of a model that always says the most common class."""
    shares = np.array([(fitted == label).mean() for label in classes])
    told = classes[likely.argmax(axis=1)]
    return {
        **figures_of(truth, likely, classes),
        "confusion": {"labels": classes.tolist(), "rows": confusion_matrix(truth, told, labels=classes).tolist()},
        "baseline": {
            **figures_of(truth, np.tile(shares, (len(truth), 1)), classes),
            "label": classes[shares.argmax()].item() if hasattr(classes[0], "item") else classes[shares.argmax()],
        },
    }


def figures_of(truth: Labels, likely: Matrix, classes: Labels) -> dict[str, float]:
    told = classes[likely.argmax(axis=1)]
    return {
        "accuracy": float(accuracy_score(truth, told)),
        "log_loss": float(log_loss(truth, likely, labels=classes)),
        "macro_f1": float(f1_score(truth, told, average="macro", labels=classes, zero_division=0)),
    }
