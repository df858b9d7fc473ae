"""`scoreline train`: from a table to the next version of a model."""

import sys

import click
from scoreline.local import use_local_env


@click.command()
@click.argument("name")
@click.option("--data", "source", default="sample", help="sample, california, or a CSV or Parquet file.")
@click.option("--alias", help="Serve the new version under this alias at once, such as champion.")
def train(name: str, source: str, alias: str | None) -> None:
    """Trains the model NAME and registers it as its next version.

    \b
    scoreline train housing                            on the synthetic sample
    scoreline train housing --data california          on the census data, by way of scikit-learn
    scoreline train housing --data FILE --alias champion
    """
    use_local_env()
    # Here and not at the top: importing scikit-learn takes a second, and every other command can do without.
    from shared import registry
    from shared.db import transaction
    from shared.errors import ScorelineError
    from worker import housing, training
    from worker.publishing import publish

    if name != "housing":
        raise click.UsageError(f'"{name}" cannot be trained yet; the model that can is housing')
    try:
        trained = training.train_regression(housing.load(source), housing.FEATURES, housing.TARGET, housing.prepare())
        with transaction() as session:
            version = publish(session, name, trained)
            if alias:
                registry.point(session, version, alias)
    except ScorelineError as error:
        sys.exit(f"scoreline train: {error.detail}")
    click.echo("\n".join(training.report(trained)))
    click.echo(f"registered as {version.model}:{version.number}" + (f", now {name}@{alias}" if alias else ""))
