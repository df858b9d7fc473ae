"""Groups of records that are alike, without a target."""

import time
from typing import Any

import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score
from sklearn.pipeline import Pipeline

from shared.errors import Invalid
from shared.features import Boolean, Category
from shared.signature import Matrix
from worker.columns import typical
from worker.records import Records
from worker.steps import Scaled
from worker.training import SEED, Trained, few_threads, split, trained

CHOICES = range(2, 11)
# A silhouette compares every row with every other: 0.05 s for so many.
SILHOUETTE_ROWS = 2_000
# The number of clusters is chosen on so many rows: 0.5 s for four numbers, and on 100,000 rows it is the same.
CHOICE_ROWS = 10_000


def train(records: Records, clusters: int | None = None) -> Trained:
    """A k-means model; where not told, with as many clusters as stand out best from each other."""
    began = time.perf_counter()
    with few_threads(len(records.matrix)):
        parts = split(len(records.matrix))
        fit, held_out = records.matrix[parts.fit], records.matrix[parts.held_out]
        scale = Scaled(categories(records)).fit(fit)
        rows = scale.transform(fit)
        different = len(np.unique(rows, axis=0))
        if different <= (clusters or CHOICES[0]):
            raise Invalid(f"{different} different rows are too few for {clusters or CHOICES[0]} clusters; give more")
        choice = {} if clusters else silhouettes(rows[:CHOICE_ROWS], different)
        many = clusters or max(choice, key=lambda number: choice[number])
        model = KMeans(many, n_init=4, random_state=0).fit(rows)
        figures = {
            "silhouette": silhouette(scale.transform(held_out), model),
            "clusters": [described(records, fit[model.labels_ == label], label) for label in range(many)],
            "choice": {str(number): value for number, value in choice.items()},
            "baseline": {"silhouette": by_chance(fit, held_out, scale, many)},
        }
        pipeline = Pipeline([("scale", scale), ("model", model)])
        return trained(records, parts, pipeline, figures, began, labels=range(many))


def categories(records: Records) -> tuple[tuple[int, int], ...]:
    """Where the inputs stand that have no order, and how many values each has."""
    sizes = {
        place: len(feature.categories) if isinstance(feature, Category) else 2
        for place, feature in enumerate(records.inputs)
        if isinstance(feature, Category | Boolean)
    }
    return tuple(sizes.items())


def silhouettes(rows: Matrix, different: int) -> dict[int, float]:
    """How well each number of clusters parts the rows."""
    numbers = [number for number in CHOICES if number < different]
    return {number: silhouette(rows, KMeans(number, n_init=3, random_state=0).fit(rows)) for number in numbers}


def silhouette(rows: Matrix, model: KMeans) -> float:
    """From -1 to 1: how much nearer rows are to their own cluster than to the next; 0 where all are in one."""
    chosen = np.random.default_rng(SEED).permutation(len(rows))[:SILHOUETTE_ROWS]
    labels = model.predict(rows[chosen])
    if not 1 < len(np.unique(labels)) < len(labels):
        return 0.0
    return float(silhouette_score(rows[chosen], labels))


def by_chance(fit: Matrix, held_out: Matrix, scale: Scaled, many: int) -> float:
    """What k-means finds when each column is shuffled by itself, so that there is nothing to find."""
    chance = np.random.default_rng(SEED)
    model = KMeans(many, n_init=3, random_state=0)
    model.fit(scale.transform(chance.permuted(fit[:CHOICE_ROWS], axis=0)))
    return silhouette(scale.transform(chance.permuted(held_out, axis=0)), model)


def described(records: Records, rows: Matrix, label: int) -> dict[str, Any]:
    """A cluster: its number, how many of the fitted rows are in it, and its typical record."""
    middle = {feature.name: typical(feature, rows[:, place]) for place, feature in enumerate(records.inputs)}
    return {"label": label, "rows": len(rows), "typical": middle}
