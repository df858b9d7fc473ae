"""`scoreline register`: a model trained elsewhere becomes the next version."""

import sys
from pathlib import Path

import click
from scoreline.local import use_local_env

from cli.train import check_names

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("name")
@click.option("--artifact", required=True, type=FILE, help="The fitted estimator, as joblib.dump wrote it.")
@click.option("--signature", required=True, type=FILE, help="Its inputs as JSON; docs/models.md has an example.")
@click.option("--task", type=click.Choice(["regression", "classification", "clustering"]), help="If it cannot be told.")
@click.option("--alias", help="Serve the new version under this alias at once, such as champion.")
def register(name: str, artifact: Path, signature: Path, task: str | None, alias: str | None) -> None:
    """Registers a scikit-learn model that was trained elsewhere as the next version of NAME.

    Loading an artefact runs the code that is in it, here and in every worker: register only files of people you trust.

    \b
    scoreline register churn --artifact churn.joblib --signature churn.json --alias champion
    """
    use_local_env()
    # Here and not at the top: importing scikit-learn takes a second, and every other command can do without.
    from shared import registry
    from shared.db import transaction
    from shared.errors import ScorelineError
    from worker import elsewhere
    from worker.publishing import publish

    try:
        check_names(name, alias)
        loaded, content = elsewhere.load(artifact, signature, task)
        with transaction() as session:
            version = publish(session, name, loaded, content)
            if alias:
                registry.point(session, version, alias)
            ref = f"{version.model}:{version.number}"
    except ScorelineError as error:
        sys.exit(f"scoreline register: {error.detail}")
    kinds = f"{loaded.task}, {loaded.framework}, {len(loaded.signature.inputs)} inputs, scored its example"
    click.echo(f"registered as {ref}" + (f", now {name}@{alias}" if alias else "") + f": {kinds}")
