"""`scoreline backup`: the database and the artefacts that its versions name, in one file."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import file_digest
from pathlib import Path

import click
from scoreline.local import use_local_env
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from cli import archive, dumps
from cli.archive import DUMP, Damaged, Manifest
from cli.dumps import DumpError
from cli.servers import ServerError
from shared.db import database_errors, make_engine
from shared.errors import ScorelineError
from shared.settings import settings

VERSIONS = text("SELECT model || ':' || number AS ref, artifact, sha256, is_active FROM versions ORDER BY id")


class Refused(Exception):
    """It cannot be done as asked; the message says what to do."""


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def backup(file: Path) -> None:
    """Writes the database and the models that it names to FILE. The service may go on meanwhile.

    It is the service of DATABASE_URL and MODELS_URL, else the one that `scoreline up` runs.

    \b
    scoreline backup before.tar
    """
    use_local_env()
    with plainly("backup"):
        manifest = save(file)
    click.echo(f"{file}: the database and {len(manifest.artefacts)} artefacts, {file.stat().st_size / 1e6:,.1f} MB")


@contextmanager
def plainly(command: str) -> Iterator[None]:
    """What goes wrong is said in a line; an end by SIGTERM leaves nothing behind, as Ctrl-C does not."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    except ScorelineError as error:
        sys.exit(f"scoreline {command}: {error.detail}")
    except DBAPIError as error:
        sys.exit(f"scoreline {command}: {str(error.orig).strip()}")
    except (Refused, Damaged, DumpError, ServerError, OSError) as error:
        sys.exit(f"scoreline {command}: {error}")
    finally:
        signal.signal(signal.SIGTERM, before)


def save(path: Path) -> Manifest:
    """One state of the database, as it was when this began, and the artefacts of that state."""
    with connected() as connection, archive.replacing(path, 0o600) as new, open(new, "wb") as file:
        revision, artefacts = revision_of(connection), artefacts_of(connection)
        by = dumps.programs(connection)
        for name, digest in artefacts.items():
            with open(folder() / name, "rb") as source:
                if archive.add(file, archive.inside(digest), source) != digest:
                    raise Refused(f"{folder() / name} changed while it was read; an artefact never does")
        with dumps.dumping(by, str(connection.scalar(text("SELECT pg_export_snapshot()")))) as dump:
            dumped = archive.add(file, DUMP, dump)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        manifest = Manifest(created_at=now, postgres=by.server, revision=revision, dump=dumped, artefacts=artefacts)
        archive.close(file, manifest)
    return manifest


@contextmanager
def connected() -> Iterator[Connection]:
    """A connection that sees one state of the database, for however long."""
    with database_errors(), make_engine(0, isolation_level="REPEATABLE READ").connect() as connection:
        connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        yield connection


def folder() -> Path:
    if "://" in settings().models_url:
        raise Refused(
            f"MODELS_URL is {settings().models_url}, and only a folder is backed up; copy the bucket by its tools"
        )
    return Path(settings().models_url)


def revision_of(connection: Connection) -> str:
    """The newest migration that the database has had."""
    if connection.scalar(text("SELECT to_regclass('alembic_version')")) is None:
        raise Refused("there are no tables of a service in this database; what does DATABASE_URL name?")
    return str(connection.scalar(text("SELECT version_num FROM alembic_version")))


def artefacts_of(connection: Connection) -> dict[str, str]:
    """The digest of each artefact by its name; only a version that is not active may lack its own."""
    found = {}
    for version in connection.execute(VERSIONS):
        if digest_of(folder() / version.artifact) == version.sha256:
            found[version.artifact] = version.sha256
        elif version.is_active:
            raise Refused(
                f"{version.ref} needs {version.artifact}, which is not in {folder()} as it was registered; "
                "set MODELS_URL, put it back, or make the version inactive"
            )
        else:
            click.echo(f"{version.ref} is not active, and its {version.artifact} is missing: left out", err=True)
    return found


def digest_of(path: Path) -> str | None:
    """None for a file that is not there."""
    try:
        with open(path, "rb") as file:
            return file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None
