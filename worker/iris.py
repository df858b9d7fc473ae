"""Iris: which of three kinds a flower is, from scikit-learn's own copy of Fisher's measurements."""

import hashlib

import pyarrow as pa
from sklearn.datasets import load_iris

from worker import classification
from worker.records import records_of
from worker.table import Table
from worker.training import Trained

NAMES = ("sepal_length", "sepal_width", "petal_length", "petal_width")
TARGET = "species"


def train() -> Trained:
    """A model that tells setosa, versicolor and virginica apart."""
    return classification.train(records_of(load(), TARGET))


def load() -> Table:
    """The 150 flowers, four lengths in centimetres each."""
    flowers = load_iris()
    fields = [pa.field(name, pa.float64(), metadata={"description": "in centimetres"}) for name in NAMES]
    species = flowers.target_names[flowers.target].tolist()
    data = pa.table([*flowers.data.T, pa.array(species)], schema=pa.schema([*fields, pa.field(TARGET, pa.string())]))
    digest = hashlib.sha256(flowers.data.tobytes() + flowers.target.tobytes()).hexdigest()
    return Table(data, "Fisher's iris, by scikit-learn", synthetic=False, sha256=digest)
