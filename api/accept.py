"""Accepting single records: all that arrive together are checked, stored and promised in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from shared import idempotency, jobs, registry
from shared.db import after_commit, transaction
from shared.errors import NotFound, ScorelineError
from shared.idempotency import OtherContent, Use
from shared.jobs import NewJob
from shared.lookup import JobRow, jobs_by_id
from shared.queue import Hints
from shared.registry import Served
from shared.tables import Lane


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for one record, as it came."""

    job_id: UUID
    user_id: int
    ref: str
    record: Any
    metadata: dict[str, str] = field(default_factory=dict)
    expires_in: float | None = None
    use: Use | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The job that a request made, or the one it had made before."""

    job: JobRow
    replayed: bool = False


def accept(asked: Sequence[Asked], hints: Hints) -> list[Accepted | Exception]:
    """The answer to each; when this returns, every job in it is durable."""
    with transaction() as session:
        known = registry.resolve(session, {one.ref for one in asked})
        checks = [checked(one, known[one.ref]) for one in asked]
        fine = [check for check in checks if isinstance(check, Checked)]
        owners = remembered(session, [check.asked.use for check in fine if check.asked.use])
        new = [check for check in fine if owners.get(check.asked.job_id, check.asked.job_id) == check.asked.job_id]
        created = jobs.accept(session, [check.job for check in new]) if new else {}
        replays = jobs_by_id(session, [owner for owner in owners.values() if isinstance(owner, UUID)]) if owners else {}
        if new:
            after_commit(session, lambda: hints.send(Lane.SINGLE, requests=len(new)))
    return [
        check
        if isinstance(check, ScorelineError)
        else Accepted(pending(check.job, check.version, created[check.job.id]))
        if check.job.id in created
        else replayed(owners[check.job.id], replays)
        for check in checks
    ]


@dataclass(frozen=True, slots=True)
class Checked:
    """A request whose record is valid for the version that its reference means now."""

    asked: Asked
    version: Served
    job: NewJob


def checked(one: Asked, version: Served | ScorelineError) -> Checked | ScorelineError:
    if isinstance(version, ScorelineError):
        return version
    try:
        values = version.signature.check_record(one.record, version.ref)
    except ScorelineError as error:
        return error
    job = NewJob(one.job_id, one.user_id, version.id, [values], one.metadata, one.expires_in)
    return Checked(one, version, job)


def remembered(session: Session, uses: list[Use]) -> dict[UUID, UUID | OtherContent]:
    """For the job of each request with a key, the job that its key stands for."""
    return dict(zip([use.job_id for use in uses], idempotency.remember(session, uses), strict=True))


def replayed(owner: UUID | OtherContent, replays: dict[UUID, JobRow]) -> Accepted | ScorelineError:
    if isinstance(owner, OtherContent):
        return owner
    if owner not in replays:
        return NotFound("the job that this Idempotency-Key made was deleted")
    return Accepted(replays[owner], replayed=True)


def pending(new: NewJob, version: Served, created_at: datetime) -> JobRow:
    """The row as it was stored, without reading it again."""
    return JobRow(
        id=new.id,
        user_id=new.user_id,
        version_id=new.version_id,
        lane=Lane.SINGLE,
        name=None,
        metadata=new.metadata,
        status="pending",
        revision=0,
        total=1,
        succeeded=0,
        failed=0,
        canceled=0,
        expired=0,
        warnings={},
        error=None,
        expires_at=None,
        created_at=created_at,
        started_at=None,
        finished_at=None,
        model=version.model,
        version=version.number,
        inputs=new.inputs,
        signature=version.signature,
    )
