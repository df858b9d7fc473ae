"""`scoreline restore`: what `scoreline backup` wrote, put back whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click
from sqlalchemy import Connection, text

from cli import archive, dumps
from cli.archive import DUMP, Archive, Damaged, Manifest
from cli.backup import Refused, connected, digest_of, folder, plainly
from cli.dumps import Programs
from cli.servers import Postgres
from cli.up import locked
from shared.tables import REVISION

ANYTHING = text("""
SELECT count(*) FROM pg_class WHERE relnamespace = to_regnamespace('public')
AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'e')
""")
CONNECTED = text("""
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'scoreline' AND pid <> pg_backend_pid()
""")
ALIVE = text("SELECT count(*) FROM workers WHERE seen_at > clock_timestamp() - interval '10 s'")
COUNTS = text("""
SELECT (SELECT count(*) FROM users) AS users, (SELECT count(*) FROM versions) AS versions,
    count(*) AS jobs, coalesce(sum(total), 0) AS records FROM jobs
""")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--replace", is_flag=True, help="Put it in the place of all that the database holds.")
@click.option("--state", default=".scoreline", show_default=True, type=click.Path(path_type=Path), help="As for up.")
def restore(file: Path, replace: bool, state: Path) -> None:
    """Puts back what `scoreline backup` wrote to FILE, whole or not at all. The service must be stopped.

    It goes to DATABASE_URL and MODELS_URL, else to the state that `scoreline up` starts with. Restore only what you
    trust: a model is code.

    \b
    scoreline restore before.tar
    scoreline restore before.tar --replace
    """
    with plainly("restore"), archive.opened(file) as saved, database(state):
        load(saved, replace)
        with connected() as connection:
            counts = connection.execute(COUNTS).one()
    click.echo("restored: " + ", ".join(f"{count:,} {name}" for name, count in counts._mapping.items()))
    if saved.manifest.revision < REVISION:
        click.echo("its tables are older than this code: run scoreline setup before the service")


@contextmanager
def database(state: Path) -> Iterator[None]:
    """DATABASE_URL if it is set, else the PostgreSQL of `scoreline up`, which runs for as long as the block."""
    if "DATABASE_URL" in os.environ:
        yield
        return
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(state))
        except click.ClickException as error:
            raise Refused(f"{error.message}; stop it first") from error
        server = Postgres(state / "postgres")
        server.start()
        stack.callback(server.stop)
        os.environ["DATABASE_URL"] = server.url
        os.environ.setdefault("MODELS_URL", str(state.absolute() / "models"))
        yield


def load(saved: Archive, replace: bool) -> None:
    with connected() as connection:
        by = dumps.programs(connection)
        check(connection, by, saved.manifest)
        if not replace:
            check_room(connection, saved.manifest)
    with dumps.loading(by, empty_first=replace) as into:
        with saved.open(DUMP) as dump:
            into(dump)
        place(saved, folder())


def check(connection: Connection, by: Programs, manifest: Manifest) -> None:
    """Processes remember models by their ids, and these mean something else afterwards: none may be left."""
    if manifest.postgres > by.server:
        raise Refused(f"the backup is of PostgreSQL {manifest.postgres}, which this server of {by.server} cannot take")
    running = int(connection.scalar(CONNECTED) or 0)
    if connection.scalar(text("SELECT to_regclass('workers')")):
        running += int(connection.scalar(ALIVE) or 0)
    if running:
        raise Refused("a service works on this database, or did ten seconds ago; stop its API and its workers first")


def check_room(connection: Connection, manifest: Manifest) -> None:
    if connection.scalar(ANYTHING):
        raise Refused("the database is not empty; --replace puts the backup in the place of all that it holds")
    for name, digest in manifest.artefacts.items():
        if digest_of(target(folder(), name)) not in (digest, None):
            raise Refused(f"{folder() / name} is another one than in the backup; --replace overwrites it")


def place(saved: Archive, models: Path) -> None:
    """Puts the artefacts into the folder, all of them or none; those that are there stay as they are."""
    with ExitStack() as stack:
        for name, digest in saved.manifest.artefacts.items():
            path = target(models, name)
            if digest_of(path) == digest:
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            new = stack.enter_context(archive.replacing(path, 0o644))
            with saved.open(archive.inside(digest)) as source, open(new, "wb") as file:
                archive.copied(source, file)


def target(models: Path, name: str) -> Path:
    path = models / name
    if not path.resolve().is_relative_to(models.resolve()):
        raise Damaged(f'it names an artefact "{name}", which would lie outside {models}')
    return path
