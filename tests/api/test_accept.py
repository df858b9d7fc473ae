"""The quick way to accept, when what it remembers is no longer so."""

from typing import Any

import pytest
from sqlalchemy import text

from api import accept as module
from api.accept import Accepted, Asked, accept
from shared import db, jobs, keys, registry
from shared.errors import Conflict, Invalid
from shared.queue import Hints
from shared.tables import Version
from tests.conftest import HOUSE


@pytest.fixture
def hints(trained_database: str) -> Any:
    module._meant.clear()
    hints = Hints()
    yield hints
    hints.close()


@pytest.fixture
def owner(trained_database: str) -> int:
    with db.transaction() as session:
        return keys.create_user(session, "a@example.org", "a").id


def second_version() -> Version:
    """Like the first, but for one more feature that it needs."""
    with db.transaction() as session:
        first = session.query(Version).one()
        columns = Version.__table__.columns.keys()
        fields = {name: getattr(first, name) for name in columns if name not in ("id", "number", "created_at")}
        inputs = [*first.signature["inputs"], {"name": "garden"}]
        fields["signature"] = {**first.signature, "inputs": inputs}
        return registry.register(session, **fields)


def ask(owner: int, ref: str, **record: float) -> Asked:
    return Asked(jobs.new_id(), owner, ref, {**HOUSE, **record})


def test_a_moved_alias_holds_from_the_next_request_on(hints: Hints, owner: int) -> None:
    [before] = accept([ask(owner, "housing")], hints)
    assert isinstance(before, Accepted)
    assert before.job.version == 1
    new = second_version()
    with db.transaction() as session:
        registry.point(session, new, "champion")
    old, fits, by_number = accept(
        [ask(owner, "housing"), ask(owner, "housing", garden=1.0), ask(owner, "housing:1")], hints
    )
    assert isinstance(old, Invalid), "valid for the version before, not for the one that is served now"
    assert isinstance(fits, Accepted)
    assert fits.job.version == 2
    assert isinstance(by_number, Accepted)
    assert by_number.job.version == 1


def test_a_version_that_was_switched_off_takes_nothing_more(hints: Hints, owner: int) -> None:
    assert isinstance(accept([ask(owner, "housing:1")], hints)[0], Accepted)
    with db.transaction() as session:
        session.execute(text("UPDATE versions SET is_active = false"))
    [answer] = accept([ask(owner, "housing:1")], hints)
    assert isinstance(answer, Conflict)
    with db.transaction() as session:
        assert session.scalar(text("SELECT count(*) FROM jobs")) == 1
        assert session.scalar(text("SELECT count(*) FROM slices")) == 1
