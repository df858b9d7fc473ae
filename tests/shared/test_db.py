"""Commit first, then send."""

import pytest
from sqlalchemy import text

from cli.servers import free_port
from shared import db, keys
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
        keys.create_user(session, "a@example.org", "a")
        assert seen == []
    assert seen == [1]


def test_nothing_is_sent_for_what_was_rolled_back(database: str) -> None:
    sent: list[str] = []

    def fail() -> None:
        with db.transaction() as session:
            db.after_commit(session, lambda: sent.append("hint"))
            keys.create_user(session, "a@example.org", "a")
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
