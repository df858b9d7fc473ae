"""Accepting single records: all that arrive together are checked, stored and promised in one transaction."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from api import counts
from shared import idempotency, jobs, registry
from shared.db import Runs, after_commit, statement, transaction
from shared.errors import Conflict, DatabaseAway, InFlight, NotFound, ScorelineError
from shared.idempotency import OtherContent, Use
from shared.jobs import NewJob
from shared.lookup import JobRow, jobs_by_id
from shared.queue import Hints
from shared.registry import Ref, Served
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
    refusal: ScorelineError | None = None  # a limit that is reached: what was stored before is told all the same


@dataclass(frozen=True, slots=True)
class Accepted:
    """The job that a request made, or the one it had made before."""

    job: JobRow
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Checked:
    """A request whose record is valid for the version that its reference means."""

    asked: Asked
    version: Served
    job: NewJob


# Whose key is being stored by another request is told so; everybody else in this process waits behind it.
IMPATIENT = text("SET LOCAL lock_timeout = '500ms'")

Answers = dict[UUID, Accepted | ScorelineError]

# What each reference meant when it was last looked up. The statement that stores a record checks that it still does.
_meant: dict[str, Served] = {}


def accept(asked: Sequence[Asked], hints: Hints) -> list[Accepted | ScorelineError]:
    """The answer to each; when this returns, every job in it is durable."""
    plain = [one for one in asked if one.ref in _meant and not one.use]
    try:
        answers = quickly(plain, hints)
    except DatabaseAway as away:
        answers = after_all(plain, away, hints)
    if rest := [one for one in asked if one.job_id not in answers]:
        try:
            answers |= thoroughly(rest, hints)
        except InFlight:  # of one of them: the others are not to wait, nor to be told what is not so
            for one in rest:
                answers |= alone(one, hints)
        except DatabaseAway as away:
            answers |= after_all(rest, away, hints)
        except ScorelineError as error:
            answers |= {one.job_id: error for one in rest}
    return [answers[one.job_id] for one in asked]


def quickly(asked: list[Asked], hints: Hints) -> Answers:
    """In one round trip to the database, for those that are plain; the others are missing from the answer."""
    checks = [check for one in asked if isinstance(check := checked(one, _meant[one.ref]), Checked)]
    if not checks:
        return {}
    with statement() as session:
        stored = store(session, checks)
    if stored:
        follow_up(stored, hints)
    return {**stored}


def thoroughly(asked: list[Asked], hints: Hints) -> Answers:
    """With references looked up and idempotency keys remembered."""
    with transaction() as session:
        session.execute(IMPATIENT)
        versions = registry.resolve(session, {one.ref for one in asked})
        _meant.update({ref: version for ref, version in versions.items() if isinstance(version, Served)})
        checks = [checked(one, versions[one.ref], is_fresh=True) for one in asked]
        fine = [check for check in checks if isinstance(check, Checked)]
        owners = remembered(session, [check.asked.use for check in fine if check.asked.use])
        new = [check for check in fine if owners.get(check.job.id, check.job.id) == check.job.id]
        stored = store(session, [check for check in new if not check.asked.refusal])
        answers: Answers = {**stored}
        if lost := [check.job.id for check in new if check.job.id not in answers and check.job.id in owners]:
            idempotency.release(session, lost)
        if stored:
            after_commit(session, partial(follow_up, stored, hints))
        replays = jobs_by_id(session, [owner for owner in owners.values() if isinstance(owner, UUID)]) if owners else {}
    for one, check in zip(asked, checks, strict=True):
        if isinstance(check, ScorelineError):
            answers[one.job_id] = check
        elif one.job_id not in answers:
            owner = owners.get(one.job_id, one.job_id)
            answers[one.job_id] = one.refusal or moved(one) if owner == one.job_id else replayed(owner, replays)
    return answers


def after_all(asked: list[Asked], away: DatabaseAway, hints: Hints) -> Answers:
    """What a commit came to whose reply was lost: it is looked up, and not repeated."""
    found: dict[UUID, JobRow] = {}
    if away.may_be_done:
        with suppress(DatabaseAway), statement() as session:
            found = jobs_by_id(session, [one.job_id for one in asked])
    if found:
        follow_up({job: Accepted(row) for job, row in found.items()}, hints)
    return {one.job_id: Accepted(found[one.job_id]) if one.job_id in found else away for one in asked}


def alone(one: Asked, hints: Hints) -> Answers:
    try:
        return thoroughly([one], hints)
    except DatabaseAway as away:
        return after_all([one], away, hints)
    except ScorelineError as error:
        return {one.job_id: error}


def follow_up(stored: Mapping[UUID, Accepted], hints: Hints) -> None:
    """What comes after the commit."""
    made = [answer.job for answer in stored.values()]
    hints.send(Lane.SINGLE, f"user {made[-1].user_id}", requests=len(made))
    for model, jobs_made in Counter(job.model for job in made).items():
        counts.accepted(Lane.SINGLE, model, jobs_made, jobs_made)


def store(session: Runs, checks: list[Checked]) -> dict[UUID, Accepted]:
    created = jobs.accept(session, [check.job for check in checks])
    return {
        check.job.id: Accepted(pending(check, created[check.job.id])) for check in checks if check.job.id in created
    }


def checked(one: Asked, version: Served | ScorelineError, is_fresh: bool = False) -> Checked | ScorelineError:
    if isinstance(version, ScorelineError):
        return version
    try:
        values = version.signature.check_record(one.record, version.ref)
    except ScorelineError as error:
        return error
    alias = None if is_fresh else Ref.parse(one.ref).alias  # what was looked up just now may move: it was asked before
    warnings = jobs.warnings_of(version.signature.outside_record(values))
    job = NewJob(one.job_id, one.user_id, version.id, [values], one.metadata, one.expires_in, alias, warnings)
    return Checked(one, version, job)


def moved(one: Asked) -> ScorelineError:
    return Conflict(f"{one.ref} was moved to another version this very moment; send the request again")


def remembered(session: Session, uses: list[Use]) -> dict[UUID, UUID | OtherContent]:
    """For the job of each request with a key, the job that its key stands for."""
    return dict(zip([use.job_id for use in uses], idempotency.remember(session, uses), strict=True))


def replayed(owner: UUID | OtherContent, replays: dict[UUID, JobRow]) -> Accepted | ScorelineError:
    if isinstance(owner, OtherContent):
        return owner
    if owner not in replays:
        return NotFound("the job that this Idempotency-Key made was deleted")
    return Accepted(replays[owner], replayed=True)


def pending(check: Checked, created_at: datetime) -> JobRow:
    """The row as it was stored, without reading it again."""
    new, version = check.job, check.version
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
        warnings=new.warnings,
        error=None,
        expires_at=None,
        created_at=created_at,
        started_at=None,
        finished_at=None,
        model=version.model,
        version=version.number,
        slice_records=version.slice_records,
        inputs=new.inputs,
        signature=version.signature,
    )
