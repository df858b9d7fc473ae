"""Holding on to what is being scored."""

from sqlalchemy import text

from shared import db, jobs, users
from shared.jobs import NewJob
from shared.tables import Lane
from tests.conftest import environment, eventually
from tests.shared.test_jobs import make_version
from worker.lease import Keeper


def test_a_lease_is_renewed_for_as_long_as_the_work_takes(database: str) -> None:
    def lease_until() -> float:
        with db.transaction() as session:
            return float(session.scalar(text("SELECT extract(epoch FROM lease_until) FROM slices")) or 0)

    with environment(LEASE_SECONDS="0.3"):
        with db.transaction() as session:
            owner = users.create(session, "a@example.org", "a").id
            jobs.accept(session, [NewJob(jobs.new_id(), owner, make_version(session), [[1.0]], {})])
            held = jobs.claim(session, Lane.SINGLE, "w", 0.3)
        began = lease_until()
        keeper = Keeper()
        keeper.held = held
        eventually(lambda: lease_until() > began + 0.5)
        keeper.held = ()
        over = text("SELECT lease_until < clock_timestamp() FROM slices")

        def is_over() -> bool:
            with db.transaction() as session:
                return bool(session.scalar(over))

        eventually(is_over)
