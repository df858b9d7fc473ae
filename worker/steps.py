"""Steps of pipelines. Never to be moved or renamed: artefacts name their classes by this path."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, TransformerMixin

from shared.signature import Matrix

ANGLES = (22.5, 45.0, 67.5, 112.5, 135.0, 157.5)


class TurnedPlace(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Adds two coordinates turned by some angles: trees cut along axes, and coasts lie aslant on the map.

    Plain NumPy: 0.02 ms for a record, where a ColumnTransformer with a PCA took 0.7 of the 3.4 ms of a prediction.
    """

    def __init__(self, x: int = 0, y: int = 1, degrees: tuple[float, ...] = ANGLES) -> None:
        self.x, self.y, self.degrees = x, y, degrees

    def fit(self, rows: ArrayLike, _: Any = None) -> Self:
        self.n_features_in_ = np.shape(rows)[1]
        return self

    def transform(self, rows: ArrayLike) -> Matrix:
        rows = np.asarray(rows, dtype=float)
        angles = np.deg2rad(self.degrees)
        turned = np.outer(rows[:, self.x], np.cos(angles)) + np.outer(rows[:, self.y], np.sin(angles))
        return np.hstack([rows, turned])
