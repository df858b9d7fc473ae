"""Finished jobs are erased when their time is over, and nothing else is."""

from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import db, jobs, users
from shared.tables import Lane
from tests.shared.test_jobs import claim, good, make_version, store, store_bulk


def age(session: Session, days: float, *ids: Any) -> None:
    """As if the jobs had come and finished so many days ago."""
    session.execute(text("ALTER TABLE slices DROP CONSTRAINT slices_job_id_fkey"))
    for job in ids:
        new = (
            f"{int(str(job).replace('-', '')[:12], 16) - int(days * 86_400_000):012x}" + str(job).replace("-", "")[12:]
        )
        values = {"old": job, "new": new, "days": days}
        session.execute(text("UPDATE slices SET job_id = CAST(:new AS uuid) WHERE job_id = :old"), values)
        session.execute(
            text("""UPDATE jobs SET id = CAST(:new AS uuid), finished_at = finished_at - :days * interval '1 day'
            WHERE id = :old"""),
            values,
        )
    session.execute(
        text(
            "ALTER TABLE slices ADD CONSTRAINT slices_job_id_fkey "
            "FOREIGN KEY (job_id) REFERENCES jobs ON DELETE CASCADE"
        )
    )


def counted(session: Session) -> tuple[Any, Any]:
    found = session.execute(text("SELECT (SELECT count(*) FROM jobs), (SELECT count(*) FROM slices)")).one()
    return found[0], found[1]


def test_what_finished_long_ago_goes_and_the_rest_stays(session: Session) -> None:
    owner, version = users.create(session, "a@example.org", "a").id, make_version(session)
    old, recent, waiting = store(session, owner, version, 3)
    bulk = store_bulk(session, owner, version, 3)
    held = claim(session, most=2)
    jobs.finish(session, [good(claimed) for claimed in held])
    jobs.finish(session, [good(one) for _ in range(3) for one in claim(session, Lane.BULK)])
    age(session, 10, old, waiting, bulk)
    assert jobs.erase(session, 11) == 0
    assert jobs.erase(session, 5) == 2
    assert jobs.erase(session, 5) == 0
    assert counted(session) == (2, 2)
    assert session.scalar(text("SELECT count(*) FROM jobs WHERE id = :job"), {"job": recent}) == 1
    assert len(claim(session)) == 1, "what waits is still there, however old"


def test_a_batch_is_small_or_one_large_job(session: Session, monkeypatch: Any) -> None:
    monkeypatch.setattr(jobs, "MOST_ERASED", 2)
    owner, version = users.create(session, "a@example.org", "a").id, make_version(session)
    session.execute(text("UPDATE versions SET slice_records = 2"))
    large = store_bulk(session, owner, version, 5)
    jobs.finish(session, [good(one) for _ in range(5) for one in claim(session, Lane.BULK)])
    small = store(session, owner, version, 5)
    jobs.finish(session, [good(claimed) for claimed in claim(session)])
    age(session, 10, large, *small)
    assert [jobs.erase(session, 5) for _ in range(5)] == [1, 2, 2, 1, 0]


def test_a_job_that_is_being_tried_again_is_left(database: str) -> None:
    with db.transaction() as session:
        owner, version = users.create(session, "a@example.org", "a").id, make_version(session)
        one, other = store(session, owner, version, 2)
        jobs.finish(session, [good(claimed) for claimed in claim(session)])
        age(session, 10, one, other)
    with db.transaction() as busy:
        locked = busy.scalar(text("SELECT job_id FROM slices ORDER BY id LIMIT 1 FOR UPDATE"))
        with db.transaction() as session:
            assert jobs.erase(session, 5) == 1
    with db.transaction() as session:
        assert session.scalar(text("SELECT id FROM jobs")) == locked
