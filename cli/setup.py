"""`scoreline setup`: makes database and models ready for a service; `migrate` of docker-compose.yml runs it."""

import os
import sys

import click
from scoreline.local import use_local_env

from cli.train import train


@click.command()
@click.pass_context
def setup(context: click.Context) -> None:
    """Makes the database ready: tables, the role that reads predictions, a first model, the admin's key.

    \b
    READER_PASSWORD   the password of the role scoreline_reader
    ADMIN_KEY_HASH    prefix:sha256 of the key that is to open the door for the user admin

    What is not set is not made, and what is there is kept. Any number of these may run at once.

    \b
    scoreline setup
    """
    use_local_env()
    # Here and not at the top: every other command can do without.
    from cli import prepare
    from shared.db import transaction
    from shared.errors import ScorelineError
    from shared.registry import DEFAULT_MODEL

    try:
        with prepare.alone():
            prepare.migrate()
            make_reader(os.environ.get("READER_PASSWORD"))
            with transaction() as session:
                has_model = prepare.has_model(session)
            if not has_model:
                context.invoke(train, name=DEFAULT_MODEL)
            if hashed := os.environ.get("ADMIN_KEY_HASH"):
                prepare.admit(hashed)
    except ScorelineError as error:
        sys.exit(f"scoreline setup: {error.detail}")
    click.echo("the database is ready")


def make_reader(password: str | None) -> None:
    from cli import prepare

    if password and not prepare.allows_reader(password):
        click.echo(f"the database refuses the role {prepare.READER}; everything else works without it", err=True)
