"""What is told of jobs that wait and run, and what telling it costs."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from benchmarks import steps
from shared import db, health, jobs, lookup, users
from shared.lookup import Outlook
from shared.tables import Lane
from tests.shared.test_jobs import claim, good, make_version, owner, store_bulk

__all__ = ["owner"]

HISTORY = """
WITH new AS (
    INSERT INTO jobs (id, user_id, version_id, lane, status, total, succeeded, started_at, finished_at)
    SELECT gen_random_uuid(), users.id, versions.id, lane, 'succeeded', 1, 1, clock_timestamp(), clock_timestamp()
    FROM users, versions, generate_series(1, 20000), (VALUES ('single'), ('bulk')) AS lanes (lane)
    RETURNING id, user_id, version_id, lane
)
INSERT INTO slices (job_id, user_id, version_id, lane, first, size, status, attempt, worker, inputs, outputs,
    started_at, finished_at)
SELECT id, user_id, version_id, lane, 0, 1, 'succeeded', 1, 'w', '[[1]]', '[[2]]', clock_timestamp(), clock_timestamp()
FROM new
"""


def outlook(session: Session, job: UUID) -> Outlook:
    return lookup.outlook(session, lookup.jobs_by_id(session, [job])[job])


def test_nobody_knows_when_a_job_ends_while_no_worker_is_there(session: Session, owner: int) -> None:
    version = make_version(session)
    store_bulk(session, owner, version, 3)
    job = store_bulk(session, owner, version, 2)
    assert outlook(session, job) == Outlook(6, None)
    assert lookup.estimate(session, Lane.BULK, 100, 10) is None


def test_before_anything_was_scored_the_measured_slice_tells(session: Session, owner: int) -> None:
    """A slice of 10 records takes 0.1 s, and two processes score at a time."""
    job = store_bulk(session, owner, make_version(session), 50)
    health.see_worker(session, "w1", ["single", "bulk"], 2, 0)
    assert outlook(session, job) == Outlook(0, 0.5)
    assert lookup.estimate(session, Lane.BULK, 100, 10) == 1.0
    health.see_worker(session, "w1", ["single"], 2, 0)
    assert outlook(session, job).eta_seconds is None, "nobody works in that lane"


def test_a_job_that_runs_tells_by_its_own_pace(session: Session, owner: int) -> None:
    job = store_bulk(session, owner, make_version(session), 4)
    health.see_worker(session, "w1", ["bulk"], 2, 1_000_000)
    jobs.finish(session, [good(claim(session, Lane.BULK)[0])])
    began = datetime.now(UTC) - timedelta(seconds=20)
    session.execute(text("UPDATE jobs SET started_at = :began"), {"began": began})
    told = outlook(session, job)
    assert told.ahead == 0
    assert told.eta_seconds == pytest.approx(60, abs=1)


def test_nothing_reads_what_is_over(database: str) -> None:
    """Rows read for the steps of a job's life, with nothing in the tables and with 40,000 finished jobs."""
    with db.transaction() as session:
        user = users.create(session, "a@example.org", "a").id
        version = make_version(session)
    for _ in range(60):
        life(user, version)
    before = rows_read(user, version)
    assert before > 0
    with db.transaction() as session:
        session.execute(text(HISTORY))
    with db.statement() as session:
        session.execute(text("VACUUM ANALYZE"))
    db.autocommit().dispose()
    assert rows_read(user, version) <= before + 5


def life(user: int, version: int) -> None:
    steps.single(user, version)
    steps.bulk(user, version)
    steps.relay()
    steps.newest(user)


def rows_read(user: int, version: int) -> int:
    """By one life, over one connection, of jobs and slices."""
    with db.statement() as session:
        before = counted(session)
    life(user, version)
    with db.statement() as session:
        return counted(session) - before


def counted(session: db.Runs) -> int:
    session.execute(text("SELECT pg_stat_force_next_flush()"))
    query = "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_user_tables WHERE relname = ANY(:names)"
    return int(session.scalar(text(query), {"names": ["jobs", "slices"]}) or 0)
