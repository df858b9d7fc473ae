"""A database as a stream and back, by PostgreSQL's own programs; no password among their arguments."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from subprocess import DEVNULL, PIPE
from tempfile import TemporaryFile
from typing import IO, Any, Self, cast

from psycopg2.extensions import make_dsn, parse_dsn
from sqlalchemy import Connection, make_url

from cli import rootless
from cli.processes import ends_with_launcher, how
from shared.settings import settings

# Of 2,000,000 records: 2.5 s of CPU and 115 MB; 15 s and 102 MB with the level that pg_dump would take.
DUMP = ("--format=custom", "--compress=1", "--schema=public", "--no-owner", "--no-privileges")
# Whole or not at all, also when this process is killed: without the last line psql rolls back.
FIRST = "\\o /dev/null\nBEGIN; SET LOCAL lock_timeout = '10s'; SET LOCAL client_min_messages = warning;\n"
EMPTY = """\
DROP SCHEMA IF EXISTS public CASCADE; CREATE SCHEMA public AUTHORIZATION pg_database_owner;
GRANT USAGE ON SCHEMA public TO PUBLIC;
"""
LOADED = "\\echo loaded\n"  # answered when all before it is done
LAST = "ANALYZE; COMMIT;\n"


class DumpError(Exception):
    """A program of PostgreSQL is missing, or failed; the message says why."""


@dataclass(frozen=True)
class Programs:
    """pg_dump, pg_restore and psql of one version, and the way to one database."""

    folder: Path
    server: int  # its major version
    dsn: str
    environment: dict[str, str]


class Program:
    """One of them at work; none is left after the block."""

    def __init__(
        self, by: Programs, name: str, *arguments: str, stdin: int = DEVNULL, stdout: int | IO[bytes] = DEVNULL
    ) -> None:
        self.name = name
        self.errors = TemporaryFile()  # noqa: SIM115  closed with the rest
        self.process = subprocess.Popen(
            [by.folder / name, *arguments],
            env=by.environment,
            stdin=stdin,
            stdout=stdout,
            stderr=self.errors,
            preexec_fn=ends_with_launcher(signal.SIGTERM),
        )

    @property
    def stdin(self) -> IO[bytes]:
        return cast(IO[bytes], self.process.stdin)

    @property
    def stdout(self) -> IO[bytes]:
        return cast(IO[bytes], self.process.stdout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in self.process.stdin, self.process.stdout, self.errors:
            if pipe:
                with suppress(BrokenPipeError):
                    pipe.close()

    def say(self, text: str) -> None:
        with suppress(BrokenPipeError):  # its exit code will tell
            self.stdin.write(text.encode())
            self.stdin.flush()

    def finish(self) -> None:
        """Returns when it has done all that it was to do."""
        if self.process.stdin:
            with suppress(BrokenPipeError):
                self.process.stdin.close()
        if code := self.process.wait():
            self.errors.seek(0)
            raise DumpError(self.errors.read().decode(errors="replace").strip() or f"{self.name} {how(code)}")


def programs(connection: Connection) -> Programs:
    """Those for the server of this connection: the wheel's, else what is on the PATH."""
    link: Any = connection.connection.driver_connection
    server = link.server_version // 10_000
    parts = parse_dsn(make_url(settings().database_url).set(drivername="postgresql").render_as_string(False))
    password = parts.pop("password", None)
    environment = {**os.environ, "PGPASSWORD": password} if password else dict(os.environ)
    return Programs(folder_for(server, link.info.ssl_in_use), server, make_dsn(**parts), environment)


def folder_for(server: int, encrypted: bool) -> Path:
    """An older pg_dump refuses a newer server, and what a newer one writes an older server need not take."""
    found = {folder: major for folder in folders(encrypted) if (major := major_of(folder))}
    for folder, major in found.items():
        if major >= server:
            return folder
    here = f"that here is of {max(found.values())}" if found else "there is none on the PATH"
    if encrypted:
        here += ", and that of the wheel cannot speak TLS, which this connection does"
    raise DumpError(f"pg_dump of PostgreSQL {server} or newer is needed; {here}: install postgresql-client-{server}")


def folders(encrypted: bool) -> Iterator[Path]:
    if not encrypted:
        with suppress(RuntimeError):
            newest = rootless.installed()
            yield from (folder / "bin" for folder in (newest.with_name("pginstall"), newest))
    if found := shutil.which("pg_dump"):
        yield Path(found).parent


def major_of(folder: Path) -> int:
    """The version of the programs there; 0 if they do not run."""
    try:
        said = subprocess.run([folder / "pg_dump", "--version"], capture_output=True, text=True).stdout
    except OSError:
        return 0
    number = re.search(r"\) (\d+)", said)
    return int(number[1]) if number else 0


@contextmanager
def dumping(by: Programs, snapshot: str) -> Iterator[IO[bytes]]:
    """The dump as it is written; the block ends well only if all of it was."""
    arguments = (*DUMP, f"--snapshot={snapshot}", f"--dbname={by.dsn}")
    with Program(by, "pg_dump", *arguments, stdout=PIPE) as program:
        yield program.stdout
        program.finish()


@contextmanager
def loading(by: Programs, empty_first: bool) -> Iterator[Callable[[IO[bytes]], None]]:
    """What loads a dump into a transaction, which is committed at the end of the block."""
    arguments = ("--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1")
    with Program(by, "psql", *arguments, f"--dbname={by.dsn}", stdin=PIPE, stdout=PIPE) as psql:
        psql.say(FIRST + (EMPTY if empty_first else ""))
        try:
            yield partial(feed, by, psql)
        except DumpError:
            psql.finish()  # it may know better why
            raise
        psql.say(LAST)
        psql.finish()


def feed(by: Programs, psql: Program, dump: IO[bytes]) -> None:
    """The dump as SQL; without the schema itself, which belongs to whoever owns the database."""
    arguments = ("--file=-", "--schema=public", "--no-owner", "--no-privileges")
    with Program(by, "pg_restore", *arguments, stdin=PIPE, stdout=psql.stdin) as program:
        with suppress(BrokenPipeError):
            shutil.copyfileobj(dump, program.stdin, 1 << 20)
        program.finish()
    psql.say(LOADED)
    if not psql.stdout.readline():
        psql.finish()
