"""The quick way to accept, when what it remembers is no longer so."""

import threading
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from api import accept as module
from api.accept import Accepted, Asked, accept
from shared import db, idempotency, jobs, registry, users
from shared.errors import Conflict, InFlight, Invalid
from shared.idempotency import OtherContent, Use
from shared.lookup import jobs_by_id
from shared.queue import Hints
from shared.tables import Version
from tests.conftest import HOUSE, eventually


@pytest.fixture
def hints(trained_database: str) -> Any:
    module._meant.clear()
    hints = Hints()
    yield hints
    hints.close()


@pytest.fixture
def owner(trained_database: str) -> int:
    with db.transaction() as session:
        return users.create(session, "a@example.org", "a").id


def second_version() -> Version:
    """Like the first, but for one more feature that it needs."""
    with db.transaction() as session:
        first = session.query(Version).one()
        columns = Version.__table__.columns.keys()
        fields = {name: getattr(first, name) for name in columns if name not in ("id", "number", "created_at")}
        inputs = [*first.signature["inputs"], {"name": "garden", "type": "number"}]
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


def test_a_key_is_not_burned_by_a_job_that_was_not_stored(hints: Hints, owner: int) -> None:
    """Between look-up and storing the version goes, while another request holds the key and then lets go of it."""
    second = second_version()
    use = Use(owner, "/predict", "order-7", "digest", jobs.new_id())
    answers: list[Any] = []

    def send() -> None:
        answers.extend(accept([Asked(use.job_id, owner, "housing", dict(HOUSE), use=use)], hints))

    with db.engine().connect() as other:
        idempotency.remember(Session(other), [Use(owner, "/predict", "order-7", "other", jobs.new_id())])
        sender = threading.Thread(target=send)
        sender.start()
        eventually(somebody_waits_for_a_lock)
        with db.transaction() as session:
            registry.point(session, second, "champion")
            registry.activate(session, "housing", 1, is_active=False)
        other.rollback()
        sender.join()
    assert isinstance(answers[0], Conflict), "switched off while it was stored"
    again = Asked(use.job_id, owner, "housing", {**HOUSE, "garden": 1.0}, use=use)
    assert isinstance(accept([again], hints)[0], Accepted)


def somebody_waits_for_a_lock() -> bool:
    with db.transaction() as session:
        return bool(session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))


def test_a_key_is_forgotten_after_a_day(hints: Hints, owner: int) -> None:
    def send() -> Any:
        job = jobs.new_id()
        return accept([Asked(job, owner, "housing", dict(HOUSE), use=Use(owner, "/predict", "k", "d", job))], hints)[0]

    first = send()
    assert send().job.id == first.job.id
    with db.transaction() as session:
        session.execute(text("UPDATE requests SET created_at = created_at - interval '25 hours'"))
    assert send().job.id != first.job.id
    with db.transaction() as session:
        session.execute(text("UPDATE requests SET created_at = created_at - interval '25 hours'"))
        idempotency.forget(session)
        assert session.scalar(text("SELECT count(*) FROM requests")) == 0


def test_a_key_in_flight_is_a_conflict_and_holds_nobody_else_up(hints: Hints, owner: int) -> None:
    job = jobs.new_id()
    use = Use(owner, "/predict", "k", "d", job)
    with db.transaction() as session:
        idempotency.remember(session, [use])
        other = Use(owner, "/predict", "another", "d", jobs.new_id())
        module._meant.clear()
        taken, plain, keyed = accept(
            [
                Asked(jobs.new_id(), owner, "housing", dict(HOUSE), use=use),
                ask(owner, "housing"),
                Asked(other.job_id, owner, "housing", dict(HOUSE), use=other),
            ],
            hints,
        )
    assert isinstance(taken, InFlight)
    assert isinstance(plain, Accepted)
    assert isinstance(keyed, Accepted)


def test_a_column_that_joins_the_table_disturbs_nobody(hints: Hints, owner: int) -> None:
    """As while a newer release migrates and this one goes on serving."""
    [accepted] = accept([ask(owner, "housing")], hints)
    assert isinstance(accepted, Accepted)
    for _ in range(2):
        with db.statement() as connection:
            assert jobs_by_id(connection, [accepted.job.id])
        with db.transaction() as session:
            session.execute(text("ALTER TABLE jobs ADD COLUMN IF NOT EXISTS probe text"))
            session.execute(text("ALTER TABLE slices ADD COLUMN IF NOT EXISTS probe text"))


def test_one_key_twice_in_one_batch_makes_one_job(hints: Hints, owner: int) -> None:
    ids = [jobs.new_id() for _ in range(3)]
    same = [Asked(job, owner, "housing", dict(HOUSE), use=Use(owner, "/predict", "k", "d", job)) for job in ids[:2]]
    other = Asked(ids[2], owner, "housing", dict(HOUSE), use=Use(owner, "/predict", "k", "other", ids[2]))
    first, second, third = accept([*same, other], hints)
    assert isinstance(first, Accepted)
    assert isinstance(second, Accepted)
    assert first.job.id == second.job.id
    assert {first.replayed, second.replayed} == {False, True}
    assert isinstance(third, OtherContent)
