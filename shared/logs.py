"""One line a message: text for people, or JSON. No line has a secret or an input in it, and none can be forged."""

import logging
import re
import traceback
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

import orjson
import psycopg2
from kombu.exceptions import OperationalError as BrokerError
from redis import RedisError
from sqlalchemy.exc import DBAPIError

from shared.errors import DatabaseAway
from shared.settings import settings

# What a line belongs to, where that is known.
REQUEST: ContextVar[str] = ContextVar("request", default="")
USER: ContextVar[int | None] = ContextVar("user", default=None)
JOB: ContextVar[str] = ContextVar("job", default="")

# What could end a line, move the cursor of a terminal, or not be written at all.
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
# What these say is about connections and files, and never about what was sent.
PLAIN = (OSError, RedisError, BrokerError, DatabaseAway)
AWAY_CODES = ("08", "53", "57")
LONGEST_CHAIN = 5
LEVELS = {
    "celery.worker.strategy": logging.WARNING,  # two lines for each hint
    "celery.app.trace": logging.WARNING,
    "audit": logging.INFO,  # also where the log has only warnings
    # With LOG_LEVEL=DEBUG these would write rows, bodies and the keys of a store.
    **dict.fromkeys(("sqlalchemy", "python_multipart", "botocore", "aiobotocore", "s3fs"), logging.WARNING),
}


def configure() -> None:
    """For everything in this process, what the server said before excepted."""
    handler = logging.StreamHandler()
    handler.setFormatter(Json() if settings().log_format == "json" else Text())
    logging.basicConfig(level=settings().log_level, handlers=[handler], force=True)
    for name, level in LEVELS.items():
        logging.getLogger(name).setLevel(level)
    for name in ("uvicorn", "uvicorn.access"):
        if (logger := logging.getLogger(name)).handlers:  # or it is not to say anything
            logger.handlers.clear()
            logger.propagate = True


class Text(logging.Formatter):
    """For people. A traceback is indented, so that no line of it looks like one of the log."""

    def format(self, record: logging.LogRecord) -> str:
        about = ", ".join(f"{name} {value}" for name, value in context(record).items())
        line = f"{record.levelname:<7} {record.name}: {message(record)}" + (f" [{about}]" if about else "")
        return "\n    ".join([line, *lines_of(record)])


class Json(logging.Formatter):
    """For what collects logs."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": message(record),
            **context(record),
        }
        if found := list(lines_of(record)):
            line["exception"] = found
        return orjson.dumps(line).decode()


def context(record: logging.LogRecord) -> dict[str, Any]:
    job = getattr(record, "job", None) or JOB.get()
    about = {"request_id": REQUEST.get(), "user": USER.get(), "job": escaped(str(job)) if job else None}
    return {name: value for name, value in about.items() if value}


def message(record: logging.LogRecord) -> str:
    """What is to be said, with what an exception is in place of what it quotes."""
    arguments: Any = record.args
    if isinstance(arguments, Mapping):
        arguments = {name: plain(value) for name, value in arguments.items()}
    elif arguments:
        arguments = tuple(map(plain, arguments))
    said = str(plain(record.msg))
    return escaped(said % arguments if arguments else said)


def plain(value: object) -> object:
    return described(value) if isinstance(value, BaseException) else value


def described(error: BaseException) -> str:
    """What an exception is: its type, and what it says only where that cannot be what somebody sent.

    PostgreSQL quotes whole rows, and ValueError and KeyError what they were given.
    """
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    if isinstance(cause, psycopg2.Error):
        return of_database(cause)
    return f"{type(error).__name__}: {error}" if isinstance(error, PLAIN) else type(error).__name__


def of_database(error: psycopg2.Error) -> str:
    if error.pgcode is None:  # no connection, and so no statement
        return f"{type(error).__name__}: {error}"
    parts = [type(error).__name__, error.pgcode, error.diag.table_name, error.diag.constraint_name]
    if error.pgcode.startswith(AWAY_CODES):
        parts.append(error.diag.message_primary)
    return " ".join(part for part in parts if part)


def escaped(text: str) -> str:
    return CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def lines_of(record: logging.LogRecord) -> Iterator[str]:
    """A traceback: the places, and for each exception of the chain what it is."""
    error = record.exc_info[1] if record.exc_info else None
    for _ in range(LONGEST_CHAIN):
        if error is None:
            return
        yield escaped(described(error))
        for frame in traceback.extract_tb(error.__traceback__):
            yield escaped(f"  {frame.filename}:{frame.lineno} in {frame.name}: {frame.line}")
        error = error.__cause__ or error.__context__
