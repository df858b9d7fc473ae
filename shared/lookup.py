"""Reading jobs and predictions, each as the user who owns it may see it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, text

from shared.db import Prepared, Runs, to_json
from shared.registry import SLICE_SECONDS, signatures
from shared.signature import Signature
from shared.tables import Lane, Status

# Counting what is ahead stops here: nobody needs the last digit of a long wait.
MOST_AHEAD = 10_000


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job with its version's name; a job of one record also with its input, output and error."""

    id: UUID
    user_id: int
    version_id: int
    lane: str
    name: str | None
    metadata: dict[str, str]
    status: str
    revision: int
    total: int
    succeeded: int
    failed: int
    canceled: int
    expired: int
    warnings: dict[str, Any]
    error: dict[str, Any] | None
    expires_at: datetime | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    model: str
    version: int
    slice_records: int
    inputs: list[Any] | None = None
    outputs: list[Any] | None = None
    errors: list[dict[str, Any]] | None = None
    extras: dict[str, str] | None = None
    signature: Signature | None = None

    @property
    def settled(self) -> int:
        return self.succeeded + self.failed + self.canceled + self.expired

    @property
    def finished(self) -> bool:
        return Status(self.status).finished


JOB = """
SELECT jobs.id, jobs.user_id, jobs.version_id, jobs.lane, jobs.name, jobs.metadata, jobs.status, jobs.revision,
    jobs.total, jobs.succeeded, jobs.failed, jobs.canceled, jobs.expired, jobs.warnings, jobs.error, jobs.expires_at,
    jobs.created_at, jobs.started_at, jobs.finished_at, versions.model, versions.number AS version,
    versions.slice_records, jobs.extras, slices.inputs, slices.outputs, slices.errors
FROM jobs JOIN versions ON versions.id = jobs.version_id
LEFT JOIN slices ON jobs.total = 1 AND slices.job_id = jobs.id
"""


BY_ID = Prepared("job_by_id", f"{JOB} WHERE jobs.id = ANY(:ids)", ids="uuid[]")
PAGE = """
WHERE jobs.user_id = :user AND (CAST(:after AS uuid) IS NULL OR jobs.id < :after)
  AND jobs.metadata @> CAST(:metadata AS jsonb)
  AND (CAST(:status AS text) IS NULL OR jobs.status = :status)
  AND (CAST(:model AS text) IS NULL OR versions.model = :model)
  AND (CAST(:number AS int) IS NULL OR versions.number = :number)
ORDER BY jobs.id DESC LIMIT :limit
"""
NEWEST = text(JOB + PAGE)


def jobs_by_id(session: Runs, ids: Sequence[UUID]) -> dict[UUID, JobRow]:
    return {job.id: job for job in job_rows(session, BY_ID(session, ids=f"{{{','.join(map(str, ids))}}}"))}


def jobs_page(
    session: Runs,
    user: int,
    limit: int,
    after: UUID | None = None,
    status: str | None = None,
    model: str | None = None,
    number: int | None = None,
    metadata: dict[str, str] | None = None,
) -> list[JobRow]:
    """The user's jobs, newest first, from the one behind `after` on."""
    terms: dict[str, Any] = {
        "user": user,
        "limit": limit,
        "after": after,
        "status": status,
        "model": model,
        "number": number,
    }
    terms["metadata"] = to_json(metadata or {})
    return job_rows(session, session.execute(NEWEST, terms).all())


def job_rows(session: Runs, rows: Sequence[Any]) -> list[JobRow]:
    known = signatures(session, {row.version_id for row in rows})
    return [JobRow(**row._mapping, signature=known[row.version_id]) for row in rows]


@dataclass(frozen=True, slots=True)
class SliceRow:
    """Settled records of a job, as they are stored: inputs and outputs are JSON."""

    first: int
    size: int
    status: str
    inputs: str | None
    extras: bytes | None
    outputs: str | None
    errors: list[dict[str, Any]] | None


SLICES_AT_ONCE = 4
SETTLED = """
SELECT first, size, status, {inputs} AS inputs, extras, {outputs} AS outputs, errors FROM slices
WHERE job_id = :job AND first >= :begin AND finished_at IS NOT NULL {which} ORDER BY first LIMIT :most
"""
OUTPUTS = text(SETTLED.format(inputs="NULL", outputs="outputs::text", which=""))
BOTH = text(SETTLED.format(inputs="inputs::text", outputs="outputs::text", which=""))
ERRORS = text(SETTLED.format(inputs="NULL", outputs="NULL", which="AND errors IS NOT NULL"))


def settled_slices(session: Runs, what: TextClause, job: UUID, begin: int) -> list[SliceRow]:
    """The next few settled slices from this record on, with OUTPUTS or BOTH; with ERRORS, those that have some."""
    rows = session.execute(what, {"job": job, "begin": begin, "most": SLICES_AT_ONCE})
    return [SliceRow(**row._mapping) for row in rows]


AHEAD = text(f"""
SELECT coalesce(sum(size), 0) FROM (
    SELECT size FROM slices WHERE status = 'pending' AND lane = :lane AND id < (
        SELECT min(id) FROM slices AS own WHERE own.job_id = :job AND own.status = 'pending') LIMIT {MOST_AHEAD}
) AS waiting
""")
# What the workers are known to score; before they scored anything, what the version was measured to take.
PACE = text(f"""
SELECT greatest(sum(records_per_second), sum(slots) * CAST(:slice_records AS float8) / {SLICE_SECONDS})
FROM workers WHERE seen_at > clock_timestamp() - interval '10 s' AND :lane = ANY(lanes)
""")
SINCE = text("SELECT extract(epoch FROM clock_timestamp() - CAST(:moment AS timestamptz))::float8")
WAITING = text("SELECT coalesce(sum(size), 0) FROM slices WHERE status = 'pending' AND lane = :lane")
FIRST_SECONDS = 2.0  # after these a job's own pace tells more than anything else


@dataclass(frozen=True, slots=True)
class Outlook:
    """How many records are scored before the job's, and when it should be finished."""

    ahead: int | None
    eta_seconds: float | None


FINISHED, UNKNOWN = Outlook(0, None), Outlook(None, None)


def outlook(session: Runs, job: JobRow) -> Outlook:
    if job.finished:
        return FINISHED
    ahead = int(session.scalar(AHEAD, {"lane": job.lane, "job": job.id}) or 0)
    pace = session.scalar(PACE, {"lane": job.lane, "slice_records": job.slice_records})
    left = job.total - job.settled
    if not pace:  # nobody is there who could score it
        return Outlook(ahead, None)
    running = session.scalar(SINCE, {"moment": job.started_at}) if job.started_at else 0.0
    if job.settled and running > FIRST_SECONDS:
        return Outlook(ahead, round(left * running / job.settled, 1))
    return Outlook(ahead, round((ahead + left) / pace, 1))


def estimate(session: Runs, lane: Lane, records: int, slice_records: int) -> float | None:
    """The seconds until a job that came now would be finished; None while no worker is there."""
    pace = session.scalar(PACE, {"lane": lane, "slice_records": slice_records})
    return round((session.scalar(WAITING, {"lane": lane}) + records) / pace, 1) if pace else None


@dataclass(frozen=True, slots=True)
class PredictionRow:
    """One scored record."""

    job_id: UUID
    record: int
    status: str
    input: list[Any] | None
    output: list[Any] | None
    problem: dict[str, Any] | None
    model: str
    version: int
    created_at: datetime
    finished_at: datetime | None
    signature: Signature


# From the newest job on, slice by slice, so that a page reads no more than its records and the rest of one slice.
RECORDS = """
SELECT jobs.id AS job_id, slices.first + values.ordinal::int - 1 AS record, jobs.version_id,
    CASE WHEN json_typeof(values.output) = 'array' THEN 'succeeded' ELSE 'failed' END AS status,
    values.input, values.output,
    CASE WHEN slices.errors IS NOT NULL THEN (
        SELECT problem FROM json_array_elements(slices.errors) AS problem
        WHERE (problem ->> 'offset')::int = values.ordinal - 1 LIMIT 1) END AS problem,
    versions.model, versions.number AS version, slices.created_at, slices.finished_at
FROM jobs
JOIN versions ON versions.id = jobs.version_id
JOIN slices ON slices.job_id = jobs.id
CROSS JOIN LATERAL ROWS FROM (json_array_elements(slices.inputs), json_array_elements(slices.outputs))
    WITH ORDINALITY AS values (input, output, ordinal)
WHERE jobs.user_id = :user AND slices.status IN ('succeeded', 'failed')
"""


ONE_RECORD = text(f"""{RECORDS}AND jobs.id = :job AND slices.first <= :record AND slices.first + slices.size > :record
    AND slices.first + values.ordinal - 1 = :record""")
NEWEST_RECORDS = text(f"""{RECORDS}  AND (CAST(:after AS uuid) IS NULL OR jobs.id <= :after)
  AND (CAST(:after AS uuid) IS NULL OR jobs.id < :after OR slices.first + values.ordinal - 1 > :after_record)
  AND (CAST(:job AS uuid) IS NULL OR jobs.id = :job)
  AND (CAST(:model AS text) IS NULL OR versions.model = :model)
  AND (CAST(:number AS int) IS NULL OR versions.number = :number)
ORDER BY jobs.id DESC, slices.first, values.ordinal LIMIT :limit
""")


def prediction(session: Runs, user: int, job: UUID, record: int) -> PredictionRow | None:
    rows = session.execute(ONE_RECORD, {"user": user, "job": job, "record": record}).all()
    return next(iter(prediction_rows(session, rows)), None)


def predictions_page(
    session: Runs,
    user: int,
    limit: int,
    after: tuple[UUID, int] | None = None,
    job: UUID | None = None,
    model: str | None = None,
    number: int | None = None,
) -> list[PredictionRow]:
    """The user's scored records: those of the newest job first, and in a job in the order in which they came."""
    after_job, after_record = after or (None, 0)
    terms = {"user": user, "limit": limit, "after": after_job, "after_record": after_record}
    rows = session.execute(NEWEST_RECORDS, terms | {"job": job, "model": model, "number": number})
    return prediction_rows(session, rows.all())


def prediction_rows(session: Runs, rows: Sequence[Any]) -> list[PredictionRow]:
    known = signatures(session, {row.version_id for row in rows})
    return [
        PredictionRow(
            **{name: value for name, value in row._mapping.items() if name != "version_id"},
            signature=known[row.version_id],
        )
        for row in rows
    ]
