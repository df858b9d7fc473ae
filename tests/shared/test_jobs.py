"""Every change of status, on the real database."""

import threading
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shared import db, health, jobs, registry, users
from shared.jobs import Claimed, NewJob, Result
from shared.tables import NOW, Lane, Slice

LEASE = 10.0


def make_version(session: Session, model: str = "housing") -> int:
    signature = {"inputs": [{"name": "x", "type": "number"}], "outputs": ["value"]}
    version = registry.register(
        session,
        model,
        task="regression",
        framework="scikit-learn",
        signature=signature,
        example={"x": 1},
        metrics={},
        training={},
        slice_records=10,
        artifact="x.joblib",
        sha256="0",
        checked_at=NOW,
    )
    return version.id


@pytest.fixture
def owner(session: Session) -> int:
    return users.create(session, "a@example.org", "a").id


def store(session: Session, owner: int, version: int, count: int = 1, **more: Any) -> list[UUID]:
    new = [NewJob(jobs.new_id(), owner, version, [[float(n)]], {}, **more) for n in range(count)]
    jobs.accept(session, new)
    return [job.id for job in new]


def store_bulk(session: Session, owner: int, version: int, slices: int) -> UUID:
    job = jobs.new_id()
    session.execute(
        text("INSERT INTO jobs (id, user_id, version_id, lane, total) VALUES (:job, :owner, :version, 'bulk', :total)"),
        {"job": job, "owner": owner, "version": version, "total": slices * 2},
    )
    for number in range(slices):
        session.execute(
            text("""INSERT INTO slices (job_id, user_id, version_id, lane, first, size, inputs)
            VALUES (:job, :owner, :version, 'bulk', :first, 2, '[[1], [2]]')"""),
            {"job": job, "owner": owner, "version": version, "first": number * 2},
        )
    return job


def claim(session: Session, lane: Lane = Lane.SINGLE, **more: Any) -> list[Claimed]:
    return jobs.claim(session, lane, "w1", LEASE, **more)


def job_row(session: Session, job: UUID) -> Any:
    return session.execute(text("SELECT * FROM jobs WHERE id = :job"), {"job": job}).one()


def slice_row(session: Session, job: UUID) -> Any:
    return session.execute(text("SELECT * FROM slices WHERE job_id = :job"), {"job": job}).one()


def good(claimed: Claimed) -> Result:
    return Result(claimed.id, claimed.attempt, [[7.0]] * claimed.size, [])


def test_accepted_jobs_wait(session: Session, owner: int) -> None:
    [job] = store(session, owner, make_version(session), expires_in=60)
    row, part = job_row(session, job), slice_row(session, job)
    assert (row.status, row.total, row.lane, row.revision) == ("pending", 1, "single", 0)
    assert (part.status, part.first, part.size, part.inputs, part.attempt) == ("pending", 0, 1, [[0.0]], 0)
    assert 59 < (row.expires_at - row.created_at).total_seconds() <= 60.1


def test_ids_sort_by_time() -> None:
    ids = [jobs.new_id() for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert all(job.version == 7 for job in ids)
    assert [job.int >> 80 for job in ids] == sorted(job.int >> 80 for job in ids)


def test_claim_takes_all_singles_of_one_version(session: Session, owner: int) -> None:
    old, new = make_version(session), make_version(session)
    first = store(session, owner, old, 3)
    other = store(session, owner, new, 2)
    last = store(session, owner, old)
    held = claim(session)
    assert [claimed.job_id for claimed in held] == [*first, *last]
    assert {claimed.attempt for claimed in held} == {1}
    assert job_row(session, first[0]).status == "running"
    assert [claimed.job_id for claimed in claim(session)] == other
    assert claim(session) == []


def test_claim_takes_no_more_than_asked(session: Session, owner: int) -> None:
    store(session, owner, make_version(session), 5)
    assert len(claim(session, most=3)) == 3
    assert len(claim(session, most=3)) == 2


def test_a_slice_that_killed_a_worker_is_claimed_alone(session: Session, owner: int) -> None:
    version = make_version(session)
    [deadly, *_] = store(session, owner, version, 3)
    session.execute(text("UPDATE slices SET crashes = 1 WHERE job_id = :job"), {"job": deadly})
    assert [claimed.job_id for claimed in claim(session)] == [deadly]
    assert len(claim(session)) == 2


def test_bulk_is_claimed_slice_by_slice_and_shared_among_users(session: Session, owner: int) -> None:
    version = make_version(session)
    other = users.create(session, "b@example.org", "b").id
    long = store_bulk(session, owner, version, 3)
    short = store_bulk(session, other, version, 1)
    turns = [claim(session, Lane.BULK) for _ in range(4)]
    assert [len(held) for held in turns] == [1, 1, 1, 1]
    assert [held[0].job_id for held in turns] == [long, short, long, long]
    assert claim(session, Lane.BULK) == []


def test_lanes_do_not_mix(session: Session, owner: int) -> None:
    version = make_version(session)
    store(session, owner, version)
    assert claim(session, Lane.BULK) == []
    assert jobs.waits(session, Lane.SINGLE)
    assert not jobs.waits(session, Lane.BULK)


def test_finish_settles_slice_and_job(session: Session, owner: int) -> None:
    [job] = store(session, owner, make_version(session))
    [claimed] = claim(session)
    [changed] = jobs.finish(session, [good(claimed)])
    row, part = job_row(session, job), slice_row(session, job)
    assert (changed.id, changed.finished) == (job, True)
    assert (row.status, row.succeeded, row.failed) == ("succeeded", 1, 0)
    assert row.finished_at is not None
    assert (part.status, part.outputs, part.lease_until) == ("succeeded", [[7.0]], None)
    assert row.revision == 2


def test_a_job_is_finished_by_its_last_slice(session: Session, owner: int) -> None:
    job = store_bulk(session, owner, make_version(session), 2)
    first, second = claim(session, Lane.BULK) + claim(session, Lane.BULK)
    [changed] = jobs.finish(session, [good(first)])
    assert not changed.finished
    assert (job_row(session, job).status, job_row(session, job).succeeded) == ("running", 2)
    bad = {"offset": 0, "code": "model_error", "detail": "no"}
    [changed] = jobs.finish(session, [Result(second.id, second.attempt, [None, [1.0]], [bad])])
    row = job_row(session, job)
    assert changed.finished
    assert (row.status, row.succeeded, row.failed, row.total) == ("succeeded", 3, 1, 4)


def test_a_job_without_any_output_has_failed(session: Session, owner: int) -> None:
    [job] = store(session, owner, make_version(session))
    [claimed] = claim(session)
    problem = {"offset": 0, "code": "model_error", "detail": "no"}
    jobs.finish(session, [Result(claimed.id, claimed.attempt, [None], [problem])])
    assert job_row(session, job).status == "failed"
    assert slice_row(session, job).errors == [problem]


def test_who_lost_the_attempt_changes_nothing(session: Session, owner: int) -> None:
    [job] = store(session, owner, make_version(session))
    [late] = claim(session)
    jobs.give_back(session, [late])
    [current] = claim(session)
    assert current.attempt == late.attempt + 1
    assert jobs.finish(session, [good(late)]) == []
    assert jobs.renew(session, [late], LEASE) == set()
    jobs.give_back(session, [late])
    jobs.postpone(session, [late])
    assert slice_row(session, job).status == "running"
    assert len(jobs.finish(session, [good(current)])) == 1
    assert jobs.finish(session, [good(current)]) == []
    assert job_row(session, job).succeeded == 1


def test_give_back_counts_nothing(session: Session, owner: int) -> None:
    [job] = store(session, owner, make_version(session))
    jobs.give_back(session, claim(session))
    part = slice_row(session, job)
    assert (part.status, part.failures, part.crashes, part.attempt) == ("pending", 0, 0, 1)
    assert len(claim(session)) == 1


def test_postpone_comes_back_after_a_backoff(session: Session, owner: int) -> None:
    [job] = store(session, owner, make_version(session))
    session.execute(text("UPDATE slices SET failures = 5"))
    jobs.postpone(session, claim(session))
    part = slice_row(session, job)
    wait = (part.available_at - session.scalar(text("SELECT clock_timestamp()"))).total_seconds()
    assert (part.status, part.failures) == ("pending", 6)
    assert wait < jobs.BACKOFF_SECONDS * 2**5
    session.execute(text("UPDATE slices SET available_at = clock_timestamp() + interval '1 hour'"))
    assert claim(session) == []
    session.execute(text("UPDATE slices SET available_at = clock_timestamp()"))
    assert len(claim(session)) == 1


def test_renew_prolongs_the_lease(session: Session, owner: int) -> None:
    [job] = store(session, owner, make_version(session))
    held = claim(session)
    before = slice_row(session, job).lease_until
    assert jobs.renew(session, held, LEASE * 10) == {held[0].id}
    assert (slice_row(session, job).lease_until - before).total_seconds() > LEASE * 8


def test_rescue_takes_only_what_is_over(session: Session, owner: int) -> None:
    dead, alive = store(session, owner, make_version(session), 2)
    claim(session)
    over = text("UPDATE slices SET lease_until = clock_timestamp() - interval '1 s' WHERE job_id = :job")
    session.execute(over, {"job": dead})
    assert jobs.rescue(session) == {Lane.SINGLE: 1}
    assert not jobs.rescue(session)
    part = slice_row(session, dead)
    assert (part.status, part.crashes, part.attempt, part.worker) == ("pending", 1, 1, None)
    assert slice_row(session, alive).status == "running"


def test_a_worker_that_stops_lets_go_of_all_it_holds_and_only_of_that(session: Session, owner: int) -> None:
    version = make_version(session)
    store(session, owner, version, 2)
    bulk = store_bulk(session, owner, version, 2)
    mine = [*jobs.claim(session, Lane.SINGLE, "mine", LEASE), *jobs.claim(session, Lane.BULK, "mine", LEASE)]
    [other] = jobs.claim(session, Lane.BULK, "other", LEASE)
    assert jobs.release(session, "mine") == {Lane.SINGLE: 2, Lane.BULK: 1}
    assert jobs.finish(session, [good(claimed) for claimed in mine]) == [], "given back is given back"
    assert len(jobs.finish(session, [good(other)])) == 1
    rows = session.execute(text("SELECT crashes, failures, attempt FROM slices WHERE status = 'pending'")).all()
    assert rows == [(0, 0, 1)] * 3
    assert [claimed.attempt for claimed in jobs.claim(session, Lane.BULK, "next", LEASE)] == [2]
    assert job_row(session, bulk).status == "running"


def test_those_whose_worker_died_are_taken_together_and_only_by_who_can_isolate(session: Session, owner: int) -> None:
    version = make_version(session)
    store(session, owner, version, 4)
    job = store_bulk(session, owner, version, 1)
    session.execute(text("UPDATE slices SET crashes = 1 WHERE id % 2 = (SELECT min(id) % 2 FROM slices)"))
    session.execute(text("UPDATE slices SET crashes = 2 WHERE job_id = :job"), {"job": job})
    assert [claimed.crashes for claimed in claim(session, isolate=False)] == [0, 0]
    assert claim(session, isolate=False) == claim(session, Lane.BULK, isolate=False) == []
    assert [claimed.crashes for claimed in claim(session)] == [1, 1]
    assert [claimed.crashes for claimed in claim(session, Lane.BULK)] == [2]


def test_retry_keeps_what_was_scored_and_the_counters_agree(session: Session, owner: int) -> None:
    job = store_bulk(session, owner, make_version(session), 3)
    first, second = claim(session, Lane.BULK) + claim(session, Lane.BULK)
    bad = {"offset": 1, "code": "model_error", "detail": "no"}
    jobs.finish(session, [Result(first.id, first.attempt, [[5.0], None], [bad]), good(second)])
    jobs.cancel(session, job)
    before = job_row(session, job)
    assert (before.status, before.succeeded, before.failed, before.canceled) == ("canceled", 3, 1, 2)
    assert jobs.retry(session, job) == 2
    waiting = job_row(session, job)
    assert (waiting.status, waiting.succeeded, waiting.failed, waiting.canceled) == ("pending", 2, 0, 0)
    assert waiting.finished_at is None
    assert jobs.retry(session, job) == 0, "not while it is not finished"
    [kept] = claim(session, Lane.BULK)
    assert (kept.id, kept.outputs, kept.errors) == (first.id, [[5.0], None], None)
    [changed] = jobs.cancel(session, job)
    assert not changed.finished
    [changed] = jobs.finish(session, [Result(kept.id, kept.attempt, [[5.0], [6.0]], [])])
    assert (changed.status, changed.succeeded, changed.failed, changed.canceled) == ("canceled", 4, 0, 2)


def test_cancel_ends_what_waits_and_only_that(session: Session, owner: int) -> None:
    job = store_bulk(session, owner, make_version(session), 2)
    [running] = claim(session, Lane.BULK)
    [changed] = jobs.cancel(session, job)
    assert (changed.status, changed.canceled, changed.finished) == ("running", 2, False)
    assert jobs.cancel(session, job) == []
    assert not jobs.delete(session, job)
    [changed] = jobs.finish(session, [good(running)])
    assert (changed.status, changed.succeeded, changed.canceled) == ("canceled", 2, 2)
    assert jobs.delete(session, job)


def test_what_did_not_start_in_time_expires(session: Session, owner: int) -> None:
    version = make_version(session)
    [late] = store(session, owner, version, expires_in=0.001)
    [other] = store(session, owner, version, expires_in=60)
    session.execute(text("SELECT pg_sleep(0.01)"))
    assert [claimed.job_id for claimed in claim(session)] == [other]
    assert [changed.id for changed in jobs.expire(session)] == [late]
    assert jobs.expire(session) == []
    row = job_row(session, late)
    assert (row.status, row.expired, slice_row(session, late).status) == ("expired", 1, "expired")


def test_many_that_are_late_expire_in_few_statements(session: Session, owner: int) -> None:
    version = make_version(session)
    store(session, owner, version, 1500, expires_in=0.001)
    session.execute(text("SELECT pg_sleep(0.01)"))
    assert [len(jobs.expire(session)) for _ in range(3)] == [1000, 500, 0]


def test_overdue_counts_what_lost_its_hint(session: Session, owner: int) -> None:
    job = store_bulk(session, owner, make_version(session), 3)
    assert jobs.overdue(session, Lane.BULK) == 0
    session.execute(
        text("UPDATE slices SET available_at = available_at - interval '5 s' WHERE job_id = :job"), {"job": job}
    )
    assert jobs.overdue(session, Lane.BULK) == 1
    health.see_worker(session, "w1", ["bulk"], 2, 0.0)
    assert jobs.overdue(session, Lane.BULK) == 2
    health.forget_worker(session, "w1")
    assert jobs.overdue(session, Lane.BULK) == 1
    assert jobs.overdue(session, Lane.SINGLE) == 0


def test_finished_among(session: Session, owner: int) -> None:
    done, open_ = store(session, owner, make_version(session), 2)
    [claimed] = claim(session, most=1)
    jobs.finish(session, [good(claimed)])
    assert jobs.finished_among(session, [done, open_]) == [done]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE slices SET status = 'running'",
        "UPDATE slices SET status = 'succeeded', finished_at = now()",
        "UPDATE slices SET finished_at = now()",
        "UPDATE jobs SET status = 'succeeded', finished_at = now()",
        "UPDATE jobs SET succeeded = 2",
        "UPDATE jobs SET failed = -1",
        "UPDATE jobs SET status = 'done'",
    ],
)
def test_the_database_refuses_what_cannot_be(session: Session, owner: int, change: str) -> None:
    store(session, owner, make_version(session))
    with pytest.raises(IntegrityError):
        session.execute(text(change))


def test_workers_that_claim_at_once_share_without_overlap(database: str) -> None:
    with db.transaction() as session:
        owner = users.create(session, "a@example.org", "a").id
        store(session, owner, make_version(session), 200)
    taken: list[list[int]] = [[] for _ in range(4)]
    together = threading.Barrier(4)

    def work(mine: list[int]) -> None:
        together.wait()
        while True:
            with db.transaction() as session:
                held = claim(session, most=7)
                mine += [claimed.id for claimed in held]
                jobs.finish(session, [good(claimed) for claimed in held])
            if not held:
                return

    threads = [threading.Thread(target=work, args=(mine,)) for mine in taken]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    everything = [number for mine in taken for number in mine]
    assert len(everything) == len(set(everything)) == 200
    with db.transaction() as session:
        assert session.query(Slice).filter_by(status="succeeded").count() == 200


def test_a_claim_that_is_open_hides_its_rows_and_blocks_nobody(database: str) -> None:
    with db.transaction() as session:
        owner = users.create(session, "a@example.org", "a").id
        store(session, owner, make_version(session), 10)
    with db.transaction() as one, db.transaction() as two:
        mine, other = claim(one, most=4), claim(two)
        assert len(mine) == 4
        assert len(other) == 6
        assert not {claimed.id for claimed in mine} & {claimed.id for claimed in other}
