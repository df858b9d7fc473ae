r"""The life of a job and of its slices. Every change of status is one guarded statement here, and nowhere else.

            claim (attempt + 1)      finish
 pending ----------> running -------------------> succeeded    at least one record has an output
   ^  ^  \             | |                    \-> failed       none has: every record has its error
   |  |   \ expire     | |
   |  |    `-----------|-|----------------------> expired      it did not start in time
   |  |                | |
   |  `--- give_back --' |                                     orderly stop (release): nothing is counted
   |  `--- postpone -----'                                     the attempt as a whole failed: failures + 1, backoff
   `------ rescue                                              the lease is over, the worker dead: crashes + 1

The attempt of a claim is its fencing token: it only grows, and who no longer holds it changes nothing.
Locks are taken in one order: slices by id, then the job.
"""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from random import getrandbits
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.copying import Int4, Value, copy
from shared.db import Prepared, Runs, to_json
from shared.settings import settings
from shared.tables import Lane

CLAIM_SINGLES = 256
BACKOFF_SECONDS = 1.0
LONGEST_BACKOFF_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class NewJob:
    """One record, valid for a version. With `alias`, only if that still means this version when it is stored."""

    id: UUID
    user_id: int
    version_id: int
    inputs: list[list[Any]]
    metadata: dict[str, str]
    expires_in: float | None = None
    alias: str | None = None
    warnings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A slice that is this worker's for as long as it holds the attempt."""

    id: int
    job_id: UUID
    version_id: int
    attempt: int
    failures: int
    crashes: int
    size: int
    inputs: list[list[Any]]
    errors: list[dict[str, Any]] | None
    outputs: list[list[Any] | None] | None = None
    waited: float = 0.0  # seconds from its creation to its first claim

    @property
    def refused(self) -> int:
        """How many of its records were not valid when they came."""
        return len({error["offset"] for error in self.errors}) if self.errors else 0


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a claimed slice: an output for each record, or null and an error at its offset.

    `outputs` may be JSON already, as 10,000 rows are written by NumPy ten times as fast as from Python's lists.
    """

    id: int
    attempt: int
    outputs: list[list[Any] | None] | orjson.Fragment
    errors: list[dict[str, Any]]

    @property
    def failed(self) -> int:
        return len({error["offset"] for error in self.errors})


@dataclass(frozen=True, slots=True)
class Changed:
    """What moved in a job."""

    id: UUID
    revision: int
    status: str
    total: int
    succeeded: int
    failed: int
    canceled: int
    expired: int
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def finished(self) -> bool:
        return self.finished_at is not None


def new_id() -> UUID:
    """A uuid of version 7: later ones sort later, so that a user's newest jobs lie together."""
    milliseconds = time.time_ns() // 1_000_000
    return UUID(int=milliseconds << 80 | 7 << 76 | getrandbits(12) << 64 | 2 << 62 | getrandbits(62))


# One parameter of JSON instead of one for each column of each row: a tenth of the time of an insert of 16 rows.
ACCEPT = Prepared(
    "accept",
    """
WITH new AS (
    SELECT row.* FROM json_to_recordset(:new) AS row (
        id uuid, user_id bigint, version_id bigint, inputs json, metadata jsonb, expires_in float8, alias text,
        warnings jsonb)
    JOIN versions ON versions.id = version_id AND is_active AND failure IS NULL
    WHERE row.alias IS NULL OR EXISTS (
        SELECT FROM aliases
        WHERE aliases.model = versions.model AND aliases.alias = row.alias AND aliases.version_id = row.version_id)
), job AS (
    INSERT INTO jobs (id, user_id, version_id, lane, metadata, total, warnings, expires_at)
    SELECT id, user_id, version_id, 'single', metadata, 1, warnings,
        clock_timestamp() + expires_in * interval '1 second'
    FROM new
    RETURNING id, created_at, expires_at
), slice AS (
    INSERT INTO slices (job_id, user_id, version_id, lane, first, size, inputs, expires_at)
    SELECT id, user_id, version_id, 'single', 0, 1, inputs, clock_timestamp() + expires_in * interval '1 second'
    FROM new
)
SELECT id, created_at FROM job
""",
    new="json",
)


def accept(session: Runs, new: Sequence[NewJob]) -> dict[UUID, Any]:
    """Stores jobs of one record each, and tells when each was created; a promise once the transaction is durable.

    What is missing from the answer was not stored: its version is no longer served under the name that was asked for.
    """
    return {row.id: row.created_at for row in ACCEPT(session, new=to_json(list(new)))}


@dataclass(frozen=True, slots=True)
class NewBulk:
    """A job of many records, before its slices are known."""

    id: UUID
    user_id: int
    version_id: int
    name: str | None
    metadata: dict[str, str]
    expires_in: float | None = None


@dataclass(frozen=True, slots=True)
class NewSlice:
    """Records of a job as they are stored: `inputs` is JSON, with null for each record that was refused."""

    first: int
    size: int
    inputs: bytes
    extras: bytes | None
    errors: list[dict[str, Any]]

    @property
    def is_refused(self) -> bool:
        return len({error["offset"] for error in self.errors}) == self.size


OPEN = text("""
INSERT INTO jobs (id, user_id, version_id, lane, name, metadata, total, expires_at)
VALUES (:id, :user_id, :version_id, 'bulk', :name, CAST(:metadata AS jsonb), 1,
    clock_timestamp() + :expires_in * interval '1 second')
RETURNING created_at, expires_at
""")
SLICE = (
    "job_id",
    "user_id",
    "version_id",
    "lane",
    "first",
    "size",
    "inputs",
    "extras",
    "errors",
    "expires_at",
    "status",
    "outputs",
    "finished_at",
)
CLOSE = text("""
UPDATE jobs SET total = :total, failed = :failed, extras = CAST(:extras AS json), warnings = CAST(:warnings AS jsonb)
WHERE id = :job
""")


@dataclass
class Found:
    """What an upload was found to hold, complete when its last slice has come.

    `extras` are names and types of the other columns, `outside` the records beyond the training data by feature.
    """

    extras: dict[str, str] = field(default_factory=dict)
    outside: Counter[str] = field(default_factory=Counter)


def warnings_of(outside: Mapping[str, int]) -> dict[str, Any]:
    """What a job says of records beyond what its version was trained on, by feature: their outputs are worth less."""
    return {"outside_training_range": dict(outside)} if outside else {}


def accept_bulk(session: Session, job: NewBulk, slices: Iterable[NewSlice], found: Found) -> int:
    """Stores a job slice by slice as they come. How many of them wait to be scored."""
    opened = session.execute(OPEN, {**asdict(job), "metadata": to_json(job.metadata)}).one()
    total = refused = waiting = 0

    def rows() -> Iterator[dict[str, Value]]:
        nonlocal total, refused, waiting
        for part in slices:
            total, waiting = total + part.size, waiting + (not part.is_refused)
            refused += part.size if part.is_refused else 0
            yield slice_row(job, part, opened.created_at, opened.expires_at)

    copy(session, "slices", rows(), SLICE)
    terms = {"job": job.id, "total": total, "failed": refused, "warnings": to_json(warnings_of(found.outside))}
    session.execute(CLOSE, terms | {"extras": to_json(found.extras) if found.extras else None})
    return waiting


def slice_row(job: NewBulk, part: NewSlice, created_at: datetime, expires_at: datetime | None) -> dict[str, Value]:
    """A slice without a valid record has nothing to be scored: it is stored finished."""
    ended: tuple[Value, ...] = ("pending", None, None)
    if part.is_refused:
        ended = ("failed", to_json([None] * part.size), created_at)
    values: tuple[Value, ...] = (
        job.id,
        job.user_id,
        job.version_id,
        "bulk",
        Int4(part.first),
        Int4(part.size),
        part.inputs,
        part.extras,
        to_json(part.errors) if part.errors else None,
        expires_at,
        *ended,
    )
    return dict(zip(SLICE, values, strict=True))


CLAIMABLE = """
status = 'pending' AND available_at <= clock_timestamp() AND (expires_at IS NULL OR expires_at > clock_timestamp())
"""

TAKE = """
taken AS (
    UPDATE slices SET status = 'running', attempt = attempt + 1, worker = :worker,
        lease_until = clock_timestamp() + :lease * interval '1 second',
        started_at = coalesce(started_at, clock_timestamp())
    FROM mine WHERE slices.id = mine.id
    RETURNING slices.id, job_id, version_id, attempt, failures, crashes, size, inputs, errors,
        outputs, extract(epoch FROM started_at - created_at)::float8 AS waited
), touched AS (
    UPDATE jobs SET status = 'running', started_at = coalesce(started_at, clock_timestamp()), revision = revision + 1
    FROM taken WHERE jobs.id = taken.job_id AND jobs.status = 'pending'
)
SELECT * FROM taken ORDER BY id
"""

# All that wait for the version of the oldest; those whose worker died are taken apart from the others.
CLAIM_SINGLE = Prepared(
    "claim_single",
    f"""
WITH oldest AS (
    SELECT id, version_id, crashes FROM slices WHERE lane = 'single' AND {CLAIMABLE} AND (crashes = 0 OR :isolate)
    ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
), mine AS (
    SELECT id FROM slices
    WHERE lane = 'single' AND {CLAIMABLE} AND version_id = (SELECT version_id FROM oldest)
      AND (crashes = 0) = (SELECT crashes = 0 FROM oldest)
    ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED
), {TAKE}""",
    worker="text",
    lease="float8",
    most="int",
    isolate="bool",
)

# One slice, of the user with the fewest running. The recursion steps from user to user in the index, so that a
# million waiting slices of one user cost one look.
CLAIM_BULK = Prepared(
    "claim_bulk",
    f"""
WITH RECURSIVE waiting AS (
    (SELECT user_id FROM slices WHERE status = 'pending' AND lane = 'bulk' ORDER BY user_id LIMIT 1)
    UNION ALL
    SELECT (SELECT user_id FROM slices WHERE status = 'pending' AND lane = 'bulk' AND user_id > waiting.user_id
            ORDER BY user_id LIMIT 1)
    FROM waiting WHERE user_id IS NOT NULL
), turns AS (
    SELECT user_id FROM waiting WHERE user_id IS NOT NULL ORDER BY (
        SELECT count(*) FROM slices WHERE status = 'running' AND lane = 'bulk' AND slices.user_id = waiting.user_id)
), mine AS (
    SELECT picked.id FROM turns CROSS JOIN LATERAL (
        SELECT id FROM slices WHERE lane = 'bulk' AND user_id = turns.user_id AND {CLAIMABLE}
            AND (crashes = 0 OR :isolate)
        ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) AS picked
    LIMIT 1
), {TAKE}""",
    worker="text",
    lease="float8",
    isolate="bool",
)


def claim(
    session: Runs, lane: Lane, worker: str, lease_seconds: float, most: int = CLAIM_SINGLES, isolate: bool = True
) -> list[Claimed]:
    """Takes what waits in this lane: many singles of one version, or one slice of bulk.

    Those whose worker died only if they can be isolated now, and never together with others.
    """
    if lane is Lane.SINGLE:
        rows = CLAIM_SINGLE(session, worker=worker, lease=lease_seconds, most=most, isolate=isolate)
    else:
        rows = CLAIM_BULK(session, worker=worker, lease=lease_seconds, isolate=isolate)
    return [Claimed(**row._mapping) for row in rows]


RENEW = text("""
UPDATE slices SET lease_until = clock_timestamp() + :lease * interval '1 second'
FROM json_to_recordset(:held) AS held (id bigint, attempt int)
WHERE slices.id = held.id AND slices.attempt = held.attempt AND slices.status = 'running'
RETURNING slices.id
""")


def renew(session: Runs, held: Iterable[Claimed], lease_seconds: float) -> set[int]:
    """Holds the slices for another lease. The ids that are still held; work on any other is to be abandoned."""
    return set(session.scalars(RENEW, {"held": tokens(held), "lease": lease_seconds}))


# What the statements that settle records have in common: `counts` tells how many of which job, and counting the
# last record closes the job.
COUNT = """
UPDATE jobs SET
    succeeded = jobs.succeeded + counts.succeeded, failed = jobs.failed + counts.failed,
    expired = jobs.expired + counts.expired, canceled = jobs.canceled + counts.canceled, revision = revision + 1,
    status = CASE WHEN jobs.total > settled.records + counts.records THEN jobs.status
                  WHEN jobs.canceled + counts.canceled > 0 THEN 'canceled'
                  WHEN jobs.expired + counts.expired > 0 THEN 'expired'
                  WHEN jobs.succeeded + counts.succeeded > 0 THEN 'succeeded'
                  ELSE 'failed' END,
    finished_at = CASE WHEN jobs.total = settled.records + counts.records THEN clock_timestamp() END
FROM counts WHERE jobs.id = counts.job_id
RETURNING jobs.id, revision, status, total, jobs.succeeded, jobs.failed, jobs.canceled, jobs.expired,
    started_at, finished_at
"""
COUNT = COUNT.replace("settled.records", "(jobs.succeeded + jobs.failed + jobs.canceled + jobs.expired)")

FINISH = Prepared(
    "finish",
    f"""
WITH done AS (
    SELECT * FROM json_to_recordset(:done) AS row (id bigint, attempt int, outputs json, errors json, failed int)
), settled AS (
    UPDATE slices SET
        status = CASE WHEN done.failed = slices.size THEN 'failed' ELSE 'succeeded' END,
        outputs = done.outputs, errors = done.errors, finished_at = clock_timestamp(), lease_until = NULL
    FROM done WHERE slices.id = done.id AND slices.attempt = done.attempt AND slices.status = 'running'
    RETURNING slices.job_id, slices.size, done.failed
), counts AS (
    SELECT job_id, sum(size - failed) AS succeeded, sum(failed) AS failed, 0 AS expired, 0 AS canceled,
        sum(size) AS records
    FROM settled GROUP BY job_id
)
{COUNT}
""",
    done="json",
)


def finish(session: Runs, results: Iterable[Result]) -> list[Changed]:
    """Writes outputs and errors of slices that are still held, and counts them. The jobs that changed."""
    done = [
        {
            "id": result.id,
            "attempt": result.attempt,
            "outputs": result.outputs,
            "errors": result.errors or None,
            "failed": result.failed,
        }
        for result in results
    ]
    return [Changed(**row._mapping) for row in FINISH(session, done=to_json(done))]


GIVE_BACK = text("""
UPDATE slices SET status = 'pending', lease_until = NULL, worker = NULL, failures = failures + :failures,
    available_at = clock_timestamp() + CASE WHEN :failures = 0 THEN interval '0'
        ELSE random() * least(:longest, :backoff * 2 ^ failures) * interval '1 second' END
FROM json_to_recordset(:held) AS held (id bigint, attempt int)
WHERE slices.id = held.id AND slices.attempt = held.attempt AND slices.status = 'running'
""").bindparams(backoff=BACKOFF_SECONDS, longest=LONGEST_BACKOFF_SECONDS)


def give_back(session: Runs, held: Iterable[Claimed]) -> None:
    """Lets go of slices that were not scored, as in an orderly stop; nothing is held against them."""
    session.execute(GIVE_BACK, {"held": tokens(held), "failures": 0})


def postpone(session: Runs, held: Iterable[Claimed]) -> None:
    """Lets go of slices whose attempt failed as a whole; each comes back after a backoff with full jitter."""
    session.execute(GIVE_BACK, {"held": tokens(held), "failures": 1})


# The lease is looked at twice: the second time under the lock, when its worker may have renewed it.
RESCUE = text("""
WITH dead AS (
    SELECT id FROM slices WHERE status = 'running' AND lease_until < clock_timestamp()
    ORDER BY id LIMIT 1000 FOR UPDATE SKIP LOCKED
)
UPDATE slices SET status = 'pending', lease_until = NULL, worker = NULL, crashes = crashes + 1,
    available_at = clock_timestamp()
FROM dead WHERE slices.id = dead.id AND slices.status = 'running' AND slices.lease_until < clock_timestamp()
RETURNING slices.lane
""")


def rescue(session: Runs) -> Counter[Lane]:
    """Takes back what dead workers held. How many slices of each lane."""
    return Counter(map(Lane, session.scalars(RESCUE)))


RELEASE = text("""
WITH held AS (
    SELECT id, attempt FROM slices
    WHERE status = 'running' AND :worker IN (worker, split_part(worker, '/', 1)) ORDER BY id FOR UPDATE
)
UPDATE slices SET status = 'pending', lease_until = NULL, worker = NULL, available_at = clock_timestamp()
FROM held WHERE slices.id = held.id AND slices.status = 'running' AND slices.attempt = held.attempt
RETURNING slices.lane
""")


def release(session: Runs, worker: str) -> Counter[Lane]:
    """Lets go of all that a worker holds, or a process (name/pid); nothing is counted. How many slices of each lane."""
    return Counter(map(Lane, session.scalars(RELEASE, {"worker": worker})))


# How many records of a slice have an output, also one that is tried again for the rest.
KEPT = "(SELECT count(*) FROM json_array_elements(slices.outputs) AS output WHERE json_typeof(output) = 'array')"

# How many were not valid when they came: those have failed, whatever becomes of the others.
REFUSED = """(SELECT count(DISTINCT problem ->> 'offset') FROM json_array_elements(slices.errors) AS problem
    WHERE problem ->> 'refused' IS NOT NULL)"""

# Any singles and one bulk job at a time, so that two relays have at most one job in common.
EXPIRE = text(f"""
WITH late AS (
    SELECT id FROM slices
    WHERE status = 'pending' AND expires_at <= clock_timestamp() AND (lane = 'single' OR job_id = (
        SELECT job_id FROM slices WHERE status = 'pending' AND expires_at <= clock_timestamp() AND lane = 'bulk'
        ORDER BY expires_at LIMIT 1))
    ORDER BY id LIMIT 1000 FOR UPDATE SKIP LOCKED
), settled AS (
    UPDATE slices SET status = 'expired', finished_at = clock_timestamp()
    FROM late WHERE slices.id = late.id AND slices.status = 'pending'
    RETURNING slices.job_id, slices.size, {REFUSED} AS refused
), counts AS (
    SELECT job_id, 0 AS succeeded, sum(refused) AS failed, sum(size - refused) AS expired, 0 AS canceled,
        sum(size) AS records
    FROM settled GROUP BY job_id
)
{COUNT}
""")


def expire(session: Runs) -> list[Changed]:
    """Ends slices that did not start in time, up to 1,000; to be called until it changes nothing."""
    return [Changed(**row._mapping) for row in session.execute(EXPIRE)]


# What waits changes at once; what runs may finish. A job that nothing of is running is over.
CANCEL = text(f"""
WITH waiting AS (
    SELECT id FROM slices WHERE job_id = :job AND status = 'pending' ORDER BY id FOR UPDATE
), settled AS (
    UPDATE slices SET status = 'canceled', finished_at = clock_timestamp()
    FROM waiting WHERE slices.id = waiting.id AND slices.status = 'pending'
    RETURNING slices.job_id, slices.size, {KEPT} AS kept, {REFUSED} AS refused
), counts AS (
    SELECT job_id, sum(kept) AS succeeded, sum(refused) AS failed, 0 AS expired,
        sum(size - kept - refused) AS canceled, sum(size) AS records
    FROM settled GROUP BY job_id
)
{COUNT}
""")


def cancel(session: Session, job: UUID) -> list[Changed]:
    """Ends what waits of a job, and keeps what is scored. Nothing changes when nothing waits."""
    return [Changed(**row._mapping) for row in session.execute(CANCEL, {"job": job})]


# Back to pending with what was scored, and with the errors of records that were refused and never can be.
RETRY = text(f"""
WITH again AS (
    SELECT id, size, status, {KEPT} AS kept, {REFUSED} AS refused FROM slices
    WHERE job_id = :job AND EXISTS (SELECT FROM jobs WHERE jobs.id = :job AND jobs.finished_at IS NOT NULL)
      AND (status IN ('canceled', 'expired') OR EXISTS (
        SELECT FROM json_array_elements(errors) AS problem WHERE problem ->> 'refused' IS NULL))
    ORDER BY id FOR UPDATE
), back AS (
    UPDATE slices SET status = 'pending', failures = 0, crashes = 0, available_at = clock_timestamp(),
        expires_at = NULL, finished_at = NULL, worker = NULL, errors = (
            SELECT json_agg(problem) FROM json_array_elements(slices.errors) AS problem
            WHERE problem ->> 'refused' IS NOT NULL)
    FROM again WHERE slices.id = again.id
), counts AS (
    SELECT sum(kept) AS succeeded, count(*) AS slices,
        sum(CASE WHEN status IN ('succeeded', 'failed') THEN size - kept ELSE refused END) AS failed,
        coalesce(sum(size - kept - refused) FILTER (WHERE status = 'canceled'), 0) AS canceled,
        coalesce(sum(size - kept - refused) FILTER (WHERE status = 'expired'), 0) AS expired
    FROM again
)
UPDATE jobs SET status = 'pending', finished_at = NULL, expires_at = NULL, error = NULL, revision = revision + 1,
    succeeded = jobs.succeeded - counts.succeeded, failed = jobs.failed - counts.failed,
    canceled = jobs.canceled - counts.canceled, expired = jobs.expired - counts.expired
FROM counts WHERE jobs.id = :job AND counts.slices > 0
RETURNING counts.slices
""")


def retry(session: Session, job: UUID) -> int:
    """Has what failed, was canceled or expired in a finished job scored again, and only that. How many slices wait."""
    return session.scalar(RETRY, {"job": job}) or 0


DELETE = text("DELETE FROM jobs WHERE id = :job AND finished_at IS NOT NULL")


def delete(session: Session, job: UUID) -> bool:
    """Erases a finished job with its inputs and outputs; False while it is not finished."""
    return session.execute(DELETE, {"job": job}).rowcount > 0  # type: ignore[attr-defined, no-any-return]


# Ids are sorted by time, so the oldest jobs lie at the beginning of the primary key: an index for this would cost every
# job that finishes a write. Slices are locked before jobs, as by a retry, and a job of which one is locked is left.
ERASE = text("""
WITH kept AS (
    SELECT clock_timestamp() - :days * interval '1 day' AS since
), old AS (
    SELECT jobs.id, total, version_id FROM jobs
    WHERE jobs.finished_at < (SELECT since FROM kept) AND jobs.id < (
        SELECT CAST(rpad(lpad(to_hex(CAST(extract(epoch FROM since) * 1000 AS bigint)), 12, '0'), 32, '0') AS uuid)
        FROM kept)
    ORDER BY jobs.id LIMIT :most
), counted AS (
    SELECT old.id, sum((total - 1) / slice_records + 1) OVER upto AS slices, row_number() OVER upto AS place
    FROM old JOIN versions ON versions.id = version_id WINDOW upto AS (ORDER BY old.id)
), held AS (
    SELECT job_id FROM slices
    WHERE job_id IN (SELECT id FROM counted WHERE place = 1 OR slices <= :most)
    ORDER BY slices.id FOR UPDATE SKIP LOCKED
)
DELETE FROM jobs WHERE finished_at < (SELECT since FROM kept) AND id IN (
    SELECT job_id FROM held GROUP BY job_id
    HAVING count(*) = (SELECT count(*) FROM slices WHERE slices.job_id = held.job_id))
""")
MOST_ERASED = 500


def erase(session: Session, days: float) -> int:
    """Erases jobs that finished so many days ago, the oldest first: up to 500 slices, or one job that has more."""
    session.execute(text(f"SET LOCAL statement_timeout = {int(settings().statement_seconds * 1000)}"))
    return session.execute(ERASE, {"days": days, "most": MOST_ERASED}).rowcount  # type: ignore[attr-defined, no-any-return]


def tokens(held: Iterable[Claimed]) -> str:
    return to_json([{"id": claimed.id, "attempt": claimed.attempt} for claimed in held])


FINISHED = text("SELECT id FROM jobs WHERE id = ANY(:ids) AND finished_at IS NOT NULL")


def finished_among(session: Runs, ids: Sequence[UUID]) -> list[UUID]:
    return list(session.scalars(FINISHED, {"ids": list(ids)}))


# With the lane in the statement and not as a parameter, or a kept plan could not use the lane's index.
WAITS = {
    lane: Prepared(
        f"waits_{lane}",
        f"""SELECT EXISTS (
            SELECT FROM slices WHERE lane = '{lane}' AND {CLAIMABLE} AND (:before IS NULL OR id < :before))""",
        before="bigint",
    )
    for lane in Lane
}


def waits(session: Runs, lane: Lane, before: int | None = None) -> bool:
    """Whether something could be claimed in this lane; with `before`, something older than this slice."""
    return bool(WAITS[lane](session, before=before)[0][0])


def leaves_work(session: Runs, lane: Lane, held: Sequence[Claimed]) -> bool:
    """Whether this claim left something for another; a single that came after it has a hint of its own coming."""
    newest = held[-1].id if lane is Lane.SINGLE and len(held) < CLAIM_SINGLES else None
    return waits(session, lane, newest)


# Workers that are alive take a hint at once, so what has waited for a second has lost its own.
OVERDUE = text(f"""
WITH late AS (
    SELECT lane FROM slices
    WHERE {CLAIMABLE} AND available_at < clock_timestamp() - interval '1 s' AND lane = :lane LIMIT (
        SELECT greatest(sum(slots), 1) FROM workers WHERE seen_at > clock_timestamp() - interval '10 s')
)
SELECT count(*) FROM late
""")


def overdue(session: Runs, lane: Lane) -> int:
    """How many hints the lane can use: one for each slice that waits too long, up to one for each process there is."""
    return session.scalar(OVERDUE, {"lane": lane}) or 0
