"""Makes a database ready: migrations, an admin with a key, a role that may read the predictions.

For `scoreline up` in a process of its own, which takes its memory with it: takes JSON as WANTED, gives JSON.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypedDict

from alembic import command
from alembic.config import Config
from sqlalchemy import func, select, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from shared import keys, users
from shared.db import database_errors, make_engine, transaction
from shared.registry import DEFAULT_MODEL
from shared.tables import User, Version

ROOT = Path(__file__).parents[1]
ADMIN = "admin"
READER = "scoreline_reader"
LOCK = 5_318_009  # migrations/env.py has one of its own, and takes it while this one is held
PAUSE_SECONDS = 0.2


class Wanted(TypedDict):
    """What an earlier start left, to be kept: the key, if any, and the password of the reader."""

    key: str
    reader_password: str


class Prepared(TypedDict):
    key: str
    may_read: bool
    has_model: bool


def prepare(wanted: Wanted) -> Prepared:
    migrate()
    may_read = allows_reader(wanted["reader_password"])
    with transaction() as session:
        return Prepared(key=working_key(session, wanted["key"]), may_read=may_read, has_model=has_model(session))


def migrate() -> None:
    """Brings the tables to what this code expects."""
    command.upgrade(Config(ROOT / "alembic.ini"), "head")


@contextmanager
def alone() -> Iterator[None]:
    """Waits until nobody else prepares this database; the lock goes with its connection, however the block ends."""
    with database_errors(), make_engine(0).connect() as connection:
        # Between statements: a migration that builds an index CONCURRENTLY would wait for one that waits.
        while not connection.scalar(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": LOCK}):
            connection.rollback()
            time.sleep(PAUSE_SECONDS)
        connection.commit()
        yield


def working_key(session: Session, kept: str) -> str:
    """The kept key if it still opens the door, else a new one of the first admin."""
    if kept and keys.whose(session, kept):
        return kept
    return keys.issue(session, first_admin(session).id, "scoreline up")


def admit(hashed: str) -> None:
    """The key of this `prefix:sha256` opens the door for the first admin."""
    with transaction() as session:
        keys.adopt(session, first_admin(session).id, "setup", hashed)


def first_admin(session: Session) -> User:
    """The user `admin`, made if there is none."""
    admin = session.scalar(select(User).where(func.lower(User.username) == ADMIN))
    return admin or users.create(session, f"{ADMIN}@localhost", ADMIN, is_admin=True)


def allows_reader(password: str) -> bool:
    """Whether there is the role that reads predictions and nothing else; a database of yours may refuse it."""
    try:
        with transaction() as session:
            make_reader(session, password)
    except ProgrammingError:
        return False
    return True


def make_reader(session: Session, password: str) -> None:
    known = session.scalar(text("SELECT 1 FROM pg_roles WHERE rolname = :name"), {"name": READER})
    # These statements take no parameters; the password is of our making and URL-safe.
    session.execute(text(f"{'ALTER' if known else 'CREATE'} ROLE {READER} LOGIN PASSWORD '{password}'"))
    session.execute(text(f"GRANT SELECT ON predictions TO {READER}"))


def has_model(session: Session) -> bool:
    """Whether a bare `POST /predict` has a model to mean."""
    return session.scalar(select(Version.id).where(Version.model == DEFAULT_MODEL).limit(1)) is not None


if __name__ == "__main__":
    json.dump(prepare(json.loads(os.environ["WANTED"])), sys.stdout)
