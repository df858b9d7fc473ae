"""Any table becomes a model: the task is the one that its target asks for."""

from collections.abc import Collection
from pathlib import Path

from shared.errors import Invalid
from worker import housing, iris, table
from worker.records import records_of
from worker.table import Table
from worker.training import Trained


def load(source: str) -> Table:
    """The table of "sample", "california", "iris" or a file."""
    if source in ("sample", "california"):
        return housing.load(source)
    return iris.load() if source == "iris" else table.read(Path(source))


def train(
    found: Table,
    target: str | None = None,
    task: str | None = None,
    leave_out: Collection[str] = (),
    keep: Collection[str] = (),
    clusters: int | None = None,
) -> Trained:
    """A model of the target, or of groups where there is none."""
    records = records_of(found, target, task, leave_out, keep)
    if clusters and records.task != "clustering":
        raise Invalid(f"a {records.task} has no clusters; leave out --clusters")
    # Here and not at the top: the example that is trained at the first start needs one of them.
    if records.task == "clustering":
        from worker import clustering

        return clustering.train(records, clusters)
    if records.task == "classification":
        from worker import classification

        return classification.train(records)
    from worker import regression

    return regression.train(records)
