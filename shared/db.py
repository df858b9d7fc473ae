"""The way to the database, and the only place that commits."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from math import inf
from typing import Any

import orjson
import psycopg2
from sqlalchemy import Engine, NullPool, create_engine, event
from sqlalchemy.exc import DBAPIError, DisconnectionError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from shared.errors import DatabaseAway
from shared.settings import settings

IDLE_SECONDS = 1.0
AFTER = "after the commit"
# What PostgreSQL says while it starts, stops, or has no room: the client may come again.
AWAY_CODES = ("57P", "53", "08", "40")


def to_json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()


def connect_arguments(statement_seconds: float) -> dict[str, Any]:
    """Bounds on everything that could hang: a dead host is noticed, a forgotten transaction ended."""
    guards = {
        "statement_timeout": int(statement_seconds * 1000),
        "idle_in_transaction_session_timeout": 60_000,
        "synchronous_commit": "on",
        "timezone": "UTC",
    }
    return {
        "connect_timeout": 2,
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 2,
        "tcp_user_timeout": 10_000,
        "application_name": "scoreline",
        "options": " ".join(f"-c {name}={value}" for name, value in guards.items()),
    }


def make_engine(size: int, statement_seconds: float | None = None) -> Engine:
    """An engine with `size` connections; with 0 each transaction opens its own."""
    pool: dict[str, Any] = {"poolclass": NullPool}
    if size:
        pool = {"pool_size": size, "max_overflow": 0, "pool_timeout": 5}
    made = create_engine(
        settings().database_url,
        connect_args=connect_arguments(statement_seconds or settings().statement_seconds),
        json_serializer=to_json,
        json_deserializer=orjson.loads,
        **pool,
    )
    event.listen(made, "checkin", remember_use)
    event.listen(made, "checkout", check_idle)
    return made


def remember_use(_: Any, record: ConnectionPoolEntry) -> None:
    record.info["used_at"] = time.monotonic()


def check_idle(connection: Any, record: ConnectionPoolEntry, _: Any) -> None:
    """Asks a connection that was idle for a second whether it still lives: a round trip that busy ones are spared."""
    if time.monotonic() - record.info.get("used_at", inf) < IDLE_SECONDS:
        return
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        connection.rollback()
    except psycopg2.Error as error:
        raise DisconnectionError from error


@cache
def engine() -> Engine:
    return make_engine(settings().database_pool)


@cache
def autocommit() -> Engine:
    """The same pool, for statements that stand alone."""
    return engine().execution_options(isolation_level="AUTOCOMMIT")


def is_away(error: DBAPIError) -> bool:
    """Whether the database was out of reach or out of room, not asked something wrong."""
    code = getattr(error.orig, "pgcode", None)
    if code is None:
        return isinstance(error, OperationalError | InterfaceError)
    return str(code).startswith(AWAY_CODES)


@contextmanager
def statement() -> Iterator[Session]:
    """A session for one statement, a transaction by itself: it saves the round trips of BEGIN and COMMIT."""
    with transaction(autocommit()) as session:
        yield session


@contextmanager
def transaction(on: Engine | None = None) -> Iterator[Session]:
    """A session that is committed at the end of the block; then, and only then, what waits for the commit runs."""
    try:
        with Session(on or engine(), expire_on_commit=False) as session:
            yield session
            session.commit()
    except PoolTimeout as error:
        raise DatabaseAway("every database connection is busy; try again in a few seconds") from error
    except DBAPIError as error:
        if is_away(error):
            raise DatabaseAway("the database does not answer; try again in a few seconds") from error
        raise
    for call in session.info.pop(AFTER, ()):
        call()


def after_commit(session: Session, call: Callable[[], object]) -> None:
    """Has `call` run once the transaction is durable, and never if it is not."""
    session.info.setdefault(AFTER, []).append(call)
