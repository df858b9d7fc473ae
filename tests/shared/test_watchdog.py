"""A database that does not answer: calls end, and those that it is at work on are let be."""

import os
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import OperationalError

from shared import db
from shared.errors import DatabaseAway
from tests.conftest import environment
from tests.storm.proxy import Proxy


@pytest.fixture
def wire(database: str) -> Iterator[Proxy]:
    """Between this process and its database."""
    url = make_url(database)
    wire = Proxy(int(url.port or 0))
    with environment(DATABASE_URL=url.set(port=wire.port).render_as_string(hide_password=False)):
        yield wire
    wire.close()


def ask(sql: str = "SELECT 1") -> float:
    """How long the answer takes; raises what a request would see."""
    began = time.monotonic()
    with db.statement() as connection:
        connection.execute(text(sql))
    return time.monotonic() - began


def fails() -> float:
    began = time.monotonic()
    with pytest.raises(DatabaseAway):
        ask()
    return time.monotonic() - began


def test_a_connection_that_hands_nothing_on_any_more_is_given_up(wire: Proxy) -> None:
    ask()
    wire.half_open()
    wire.flow()
    assert fails() < 4
    assert ask() < 1


def test_a_commit_on_the_way_is_given_up_too(wire: Proxy) -> None:
    ask()
    with db.transaction() as session:
        session.execute(text("SELECT 1"))
        wire.half_open()
        wire.flow()
        began = time.monotonic()
        with pytest.raises(OperationalError, match="server closed the connection"):
            session.commit()
        assert time.monotonic() - began < 4
        session.rollback()


def test_a_server_that_says_nothing_to_anybody_is_given_up_and_found_again(wire: Proxy) -> None:
    ask()
    wire.half_open()
    assert fails() < 5
    assert fails() < 3
    wire.flow()
    assert ask() < 1


def test_a_long_statement_is_let_be(wire: Proxy) -> None:
    assert ask("SELECT pg_sleep(2.5)") > 2.4


def test_a_process_that_was_forked_watches_too_and_leaves_its_parent_alone(wire: Proxy) -> None:
    ask()
    (ready, told), told_back = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            db.autocommit().dispose(close=False)
            ask()
            os.write(told, b"1")
            os.read(told_back[0], 1)
            code = int(not 1 < fails() < 4)
        finally:
            os._exit(code)
    os.read(ready, 1)
    wire.half_open()
    wire.flow()
    os.write(told_back[1], b"1")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
