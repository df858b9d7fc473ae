"""Commit first, then send."""

from typing import Any

import psycopg2
import pytest
from sqlalchemy import text

from cli.servers import free_port
from shared import db, users
from shared.errors import DatabaseAway
from shared.settings import settings
from tests.conftest import environment


def test_what_waits_for_the_commit_sees_it(database: str) -> None:
    seen: list[int] = []

    def look() -> None:
        with db.transaction() as other:
            seen.append(other.scalar(text("SELECT count(*) FROM users")) or 0)

    with db.transaction() as session:
        db.after_commit(session, look)
        users.create(session, "a@example.org", "a")
        assert seen == []
    assert seen == [1]


def test_nothing_is_sent_for_what_was_rolled_back(database: str) -> None:
    sent: list[str] = []

    def fail() -> None:
        with db.transaction() as session:
            db.after_commit(session, lambda: sent.append("hint"))
            users.create(session, "a@example.org", "a")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with db.transaction() as session:
        assert session.scalar(text("SELECT count(*) FROM users")) == 0
    assert sent == []


def test_a_database_that_is_away_is_said_so() -> None:
    def ask() -> None:
        with db.transaction() as session:
            session.execute(text("SELECT 1"))

    with environment(DATABASE_URL=f"postgresql://nobody@127.0.0.1:{free_port()}/nothing"), pytest.raises(DatabaseAway):
        ask()


@pytest.mark.parametrize("url", ["postgresql://a:b@h/d", "postgres://a:b@h/d", "postgresql+psycopg2://a:b@h/d"])
def test_any_way_to_write_the_address_means_psycopg2(url: str) -> None:
    with environment(DATABASE_URL=url):
        assert settings().database_url == "postgresql+psycopg2://a:b@h/d"


def test_another_database_is_refused_by_name() -> None:
    with environment(DATABASE_URL="mysql://h/d"), pytest.raises(ValueError, match="must begin with postgresql://"):
        settings()


@pytest.mark.parametrize("code", ["53100", "53200", "53300", "57P03", "40P01", "57014", "25006"])
def test_a_database_without_room_or_time_is_away_and_not_wrong(database: str, code: str) -> None:
    def ask() -> None:
        with db.transaction() as session:
            session.execute(text(f"DO $$ BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = '{code}'; END $$"))

    with pytest.raises(DatabaseAway):
        ask()


def has_room(database: str, taken: list[Any]) -> bool:
    try:
        taken.append(psycopg2.connect(database))
    except psycopg2.OperationalError as error:
        assert "too many clients" in str(error)  # noqa: PT017
        return False
    return True


def test_a_database_without_a_free_connection_is_away(database: str) -> None:
    taken: list[Any] = []
    try:
        while has_room(database, taken):
            pass
        with pytest.raises(DatabaseAway), db.transaction() as session:
            session.execute(text("SELECT 1"))
    finally:
        for link in taken:
            link.close()
    with db.transaction() as session:
        assert session.scalar(text("SELECT 1")) == 1
