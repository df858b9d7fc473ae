"""The way to the database, and the only place that commits."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import orjson
from sqlalchemy import Engine, NullPool, create_engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from shared.errors import DatabaseAway
from shared.settings import settings

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
        pool = {"pool_size": size, "max_overflow": 0, "pool_timeout": 5, "pool_pre_ping": True}
    return create_engine(
        settings().database_url,
        connect_args=connect_arguments(statement_seconds or settings().statement_seconds),
        json_serializer=to_json,
        json_deserializer=orjson.loads,
        **pool,
    )


@cache
def engine() -> Engine:
    return make_engine(settings().database_pool)


def is_away(error: DBAPIError) -> bool:
    """Whether the database was out of reach or out of room, not asked something wrong."""
    code = getattr(error.orig, "pgcode", None)
    if code is None:
        return isinstance(error, OperationalError | InterfaceError)
    return str(code).startswith(AWAY_CODES)


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


def after_commit(session: Session, call: Callable[[], None]) -> None:
    """Has `call` run once the transaction is durable, and never if it is not."""
    session.info.setdefault(AFTER, []).append(call)
