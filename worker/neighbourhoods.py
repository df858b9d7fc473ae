"""Neighbourhoods: the housing sample in groups that are alike in place, age and income."""

from dataclasses import replace

import pyarrow as pa

from worker import clustering, housing
from worker.records import records_of
from worker.table import Table
from worker.training import Trained

INPUTS = ("longitude", "latitude", "housing_median_age", "median_income")


def train(source: str = "sample") -> Trained:
    """A model of the groups, without looking at what the houses cost."""
    return clustering.train(records_of(load(source)))


def load(source: str) -> Table:
    census = housing.load(source)
    described = {feature.name: {"description": feature.description} for feature in housing.FEATURES}
    fields = [census.data.schema.field(name).with_metadata(described[name]) for name in INPUTS]
    columns = [census.data[name] for name in INPUTS]
    return replace(census, data=pa.table(columns, schema=pa.schema(fields)))
