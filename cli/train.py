"""`scoreline train`: from a table to the next version of a model."""

import sys
from typing import TYPE_CHECKING

import click
from scoreline.local import use_local_env

if TYPE_CHECKING:
    from worker.training import Trained

EXAMPLES = ("housing", "iris", "neighbourhoods")


@click.command()
@click.argument("name")
@click.option("--data", "source", help="A CSV or Parquet file; or sample, california, iris.")
@click.option("--target", help="The column to predict; without one, records are grouped.")
@click.option("--task", type=click.Choice(["regression", "classification", "clustering"]), help="Instead of a guess.")
@click.option("--alias", help="Serve the new version under this alias at once, such as champion.")
@click.option("--leave-out", multiple=True, metavar="COLUMN", help="Not an input; may be given again.")
@click.option("--keep", multiple=True, metavar="COLUMN", help="An input, whatever it looks like; may be given again.")
@click.option("--clusters", type=click.IntRange(2, 100), help="How many; otherwise what stands out best of 2 to 10.")
def train(
    name: str,
    source: str | None = None,
    target: str | None = None,
    task: str | None = None,
    alias: str | None = None,
    leave_out: tuple[str, ...] = (),
    keep: tuple[str, ...] = (),
    clusters: int | None = None,
) -> None:
    """Trains the model NAME and registers it as its next version.

    \b
    scoreline train churn --data customers.csv --target left --alias champion
    scoreline train segments --data customers.parquet --task clustering
    scoreline train housing                            an example, on the synthetic sample
    scoreline train housing --data california          on the census data, by way of scikit-learn
    scoreline train iris                               an example with classes
    scoreline train neighbourhoods                     an example without a target
    """
    use_local_env()
    # Here and not at the top: importing scikit-learn takes a second, and every other command can do without.
    from shared.errors import ScorelineError

    try:
        check_names(name, alias)
        if name in EXAMPLES and not (target or task or leave_out or keep or clusters):
            trained = example(name, source)
        elif source is None:
            raise click.UsageError(f'say what "{name}" is to learn from: --data FILE --target COLUMN')
        else:
            from worker import tabular

            trained = tabular.train(tabular.load(source), target, task, leave_out, keep, clusters)
        publish(name, trained, alias)
    except ScorelineError as error:
        sys.exit(f"scoreline train: {error.detail}")


def check_names(name: str, alias: str | None) -> None:
    """Refuse before the work what could not be called by that name after it."""
    from shared.errors import Invalid, NotFound
    from shared.registry import Ref

    for written, what in (f"{name}:1", f'model "{name}"'), (f"{name}@{alias or 'champion'}", f'alias "{alias}"'):
        try:
            Ref.parse(written)
        except NotFound as error:
            raise Invalid(
                f"{what} is no name: it takes up to 64 of a-z, 0-9, - and _, a letter or digit first"
            ) from error


def example(name: str, source: str | None) -> "Trained":
    """One of the models that Scoreline comes with."""
    if name == "iris":
        from worker import iris

        if source not in (None, "iris"):
            raise click.UsageError("the example iris has data of its own; to use yours, say --target COLUMN, too")
        return iris.train()
    from worker import housing

    if name == "housing":
        return housing.train(source or "sample")
    from worker import neighbourhoods

    return neighbourhoods.train(source or "sample")


def publish(name: str, trained: "Trained", alias: str | None) -> None:
    """Registers the next version, points the alias at it, and says what it is."""
    from shared import registry
    from shared.db import transaction
    from worker import publishing
    from worker.report import report

    with transaction() as session:
        version = publishing.publish(session, name, trained)
        if alias:
            registry.point(session, version, alias)
        ref = f"{version.model}:{version.number}"
    click.echo("\n".join(report(trained)))
    click.echo(f"\nregistered as {ref}" + (f", now {name}@{alias}" if alias else ""))
