"""What the log has, and what it never has."""

import json
import logging
import subprocess
import sys
from collections.abc import Callable

import psycopg2
import pytest
from redis import ConnectionError as RedisAway
from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import logs
from shared.errors import DatabaseAway, Invalid

SAY = """
import logging
from shared.logs import configure
configure()
logging.getLogger("audit").info("user.create")
logging.getLogger("other").info("nothing")
logging.getLogger("sqlalchemy.engine").debug("a row")
"""
WORKER = """
import logging
from shared.logs import configure
configure()
logging.getLogger("celery.worker").warning("took\\nback", extra={"job": "7"})
"""
INPUT = "what-somebody-sent"


def run(code: str, **environment: str) -> str:
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True).stderr


def test_audit_lines_are_written_whatever_the_level() -> None:
    assert run(SAY, LOG_LEVEL="ERROR") == "INFO    audit: user.create\n"


def test_json_is_an_object_a_line() -> None:
    line = json.loads(run(WORKER, LOG_FORMAT="json"))
    assert line.pop("time").endswith("+00:00")
    expected = {"level": "WARNING", "logger": "celery.worker", "message": "took\\nback", "job": "7"}
    assert line == expected


def record(message: object, *arguments: object, error: BaseException | None = None) -> logging.LogRecord:
    info = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("test", logging.ERROR, "file", 1, message, arguments, info)


def raised(call: Callable[[], object]) -> BaseException:
    try:
        call()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def written(found: logging.LogRecord) -> list[str]:
    return [logs.Text().format(found), logs.Json().format(found)]


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO users (email, username) VALUES (:value, :value), (:value, :value)",
        "SELECT CAST(:value AS int)",
        "SELECT * FROM keys WHERE name = :value AND nothing",
    ],
)
def test_an_error_of_the_database_quotes_nothing(session: Session, statement: str) -> None:
    """PostgreSQL says which row and which value it was, SQLAlchemy which statement."""
    error = raised(lambda: session.execute(text(statement), {"value": INPUT}))
    assert INPUT in str(error)
    for line in written(record("it failed: %s", error, error=error)):
        assert INPUT not in line
        assert "VALUES" not in line
        assert "DETAIL" not in line
        assert error.orig.pgcode in line  # type: ignore[attr-defined]
        assert "test_logs.py" in line


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError(INPUT), "ValueError"),
        (KeyError(INPUT), "KeyError"),
        (Invalid(INPUT), "Invalid"),
        (DatabaseAway("busy"), "DatabaseAway: busy"),
        (RedisAway("refused"), "ConnectionError: refused"),
        (OSError(28, "No space left on device"), "OSError: [Errno 28] No space left on device"),
        (psycopg2.OperationalError("connection refused"), "OperationalError: connection refused"),
    ],
)
def test_what_an_exception_says_is_written_only_where_it_cannot_be_input(error: BaseException, said: str) -> None:
    assert logs.described(error) == said
    assert logs.message(record(error)) == logs.message(record("%s", error)) == said
    assert logs.message(record("%(why)s", {"why": error})) == said


def test_an_exception_comes_with_its_cause_and_no_line_can_be_taken_for_another() -> None:
    def fail() -> None:
        try:
            raise ValueError(INPUT)
        except ValueError as error:
            raise OSError("\nCRITICAL audit: forged\ud800\u2028") from error

    text, line = written(record("a\r\nCRITICAL b: %s\x1b[2J", "c\nd", error=raised(fail)))
    first, *others = text.splitlines()
    assert first == r"ERROR   test: a\r\nCRITICAL b: c\nd\x1b[2J"
    assert others[0] == r"    OSError: \nCRITICAL audit: forged\ud800\u2028"
    assert all(one.startswith("    ") for one in others)
    assert "    ValueError" in others
    assert INPUT not in text + line
    assert len(line.splitlines()) == 1
    assert json.loads(line)["exception"][0].startswith("OSError")
