"""The reply to a COMMIT is lost: what was stored is found again, and never stored twice."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import make_url, text

from api import accept as module
from api.accept import Accepted, Asked, accept
from shared import db, jobs, users
from shared.errors import DatabaseAway
from shared.idempotency import Use
from shared.queue import Hints
from tests.conftest import HOUSE, environment
from tests.storm.proxy import Proxy


@pytest.fixture
def wire(trained_database: str) -> Iterator[Proxy]:
    """Between this process and its database."""
    url = make_url(trained_database)
    module._meant.clear()
    wire = Proxy(int(url.port or 0))
    with environment(DATABASE_URL=url.set(port=wire.port).render_as_string(hide_password=False)):
        yield wire
    wire.close()


@pytest.fixture
def hints(wire: Proxy) -> Iterator[Hints]:
    hints = Hints()
    yield hints
    hints.close()


@pytest.fixture
def owner(wire: Proxy) -> int:
    with db.transaction() as session:
        return users.create(session, "a@example.org", "a").id


def send(owner: int, hints: Hints, key: str | None = None) -> Any:
    job = jobs.new_id()
    use = Use(owner, "/predict", key, "digest", job) if key else None
    [answer] = accept([Asked(job, owner, "housing", dict(HOUSE), use=use)], hints)
    return answer


def count() -> Any:
    with db.transaction() as session:
        return session.scalar(text("SELECT count(*) FROM jobs"))


@pytest.mark.parametrize(("key", "statement"), [(None, rb"EXECUTE accept"), ("order-7", rb"COMMIT")])
def test_a_single_whose_reply_was_lost_is_accepted_once(
    wire: Proxy, hints: Hints, owner: int, key: str | None, statement: bytes
) -> None:
    assert isinstance(send(owner, hints), Accepted)
    lost = wire.lose_answer_to(statement)
    answer = send(owner, hints, key)
    assert lost.is_set()
    assert isinstance(answer, Accepted)
    assert (answer.job.status, count()) == ("pending", 2)


def test_what_did_not_reach_the_database_is_not_accepted(wire: Proxy, hints: Hints, owner: int) -> None:
    for _ in range(2):  # the second one goes the quick way, over the connection that is to fail
        assert isinstance(send(owner, hints), Accepted)
    wire.half_open()
    wire.flow()
    answer = send(owner, hints)
    assert isinstance(answer, DatabaseAway)
    assert (answer.status, answer.may_be_done) == (503, True)
    assert isinstance(send(owner, hints), Accepted)
    assert count() == 3
