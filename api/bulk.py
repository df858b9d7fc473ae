"""Many records in, a job out."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import text
from sqlalchemy.orm import Session

from api import answers, counts, examples, parameters
from api.accept import replayed
from api.answers import Job, Json, Rehearsal
from api.callers import Calling
from api.limits import Limits
from api.openapi_headers import Documented, with_headers
from api.parameters import header_parameter
from api.predict import fingerprint_of
from api.problems import documented
from api.slices import Tally, blocks_of, slices_of
from api.spool import FORM, TYPES, Upload, spooled
from api.state import Shared, State
from shared import idempotency, jobs, registry
from shared.db import after_commit, transaction
from shared.errors import Conflict, DatabaseAway, InFlight, NotFound, ScorelineError
from shared.idempotency import OtherContent, Use
from shared.jobs import NewBulk, NewSlice
from shared.lookup import UNKNOWN, JobRow, estimate, jobs_by_id
from shared.queue import MOST_HINTS
from shared.registry import DEFAULT_MODEL, REFERENCE, Served
from shared.settings import settings
from shared.tables import Lane

router = APIRouter(prefix="/jobs", tags=["jobs"])
MADE = with_headers(202, "Location", "Retry-After", "Idempotent-Replayed", description="Accepted: it is never lost")
REHEARSED: Documented = {200: {"model": Rehearsal, "description": "With `dry_run`: what was found; nothing is stored"}}
PACKED = header_parameter("Content-Encoding", "how the body is packed; a form is not", enum=["identity", "gzip"])
BODY = {
    "parameters": [*PACKED["parameters"], *parameters.DOCUMENTED],
    "requestBody": {
        "required": True,
        "content": {**{kind: examples.FILES[kind] for kind in TYPES}, FORM: examples.FORM},
    },
}
KNOWN = {"model", "name", "on_error", "delimiter", "dry_run", "expires_in"}


@dataclass(frozen=True)
class Wanted:
    """What a client asks for with an upload."""

    job_id: UUID
    user_id: int
    model: str
    name: str | None
    metadata: dict[str, str]
    expires_in: float | None
    delimiter: str | None
    reject: bool
    use: Use | None = None


@router.post(
    "",
    response_model=Job,
    status_code=202,
    responses=documented(NotFound, Conflict) | MADE | REHEARSED,
    openapi_extra=BODY,
)
async def submit_job(
    request: Request,
    caller: Calling,
    state: Shared,
    model: Annotated[str, Query(json_schema_extra={"pattern": f"^{REFERENCE}$"})] = DEFAULT_MODEL,
    name: Annotated[str | None, Query(json_schema_extra={"maxLength": parameters.LONGEST_VALUE})] = None,
    on_error: Annotated[Literal["quarantine", "reject"], Query(description="what a bad record does")] = "quarantine",
    delimiter: Annotated[str | None, Query(description="of CSV: comma, semicolon, tab or pipe")] = None,
    dry_run: Annotated[bool, Query(description="count and check, and store nothing")] = False,
) -> Response:
    """Scores the records of a file: CSV, NDJSON, Parquet or JSON, also packed by gzip, as the body or in a form.

    Up to 16 times `meta.KEY=VALUE` in the query: text that is kept with the job.
    """
    parameters.refuse_unknown(request.query_params, KNOWN)
    key = parameters.idempotency_key(request)
    wanted = Wanted(
        job_id=jobs.new_id(),
        user_id=caller.user_id,
        model=model,
        name=parameters.job_name(name),
        metadata=parameters.metadata(request.query_params),
        expires_in=parameters.expires_in(request.query_params),
        delimiter=parameters.delimiter(delimiter),
        reject=on_error == "reject",
    )
    await asyncio.to_thread(served, model)  # said before a gigabyte is sent, not after
    if not dry_run and not key:  # what was stored before is found again, whatever the limits are by now
        await state.limits.admit(caller.user_id)
    with await spooled(request, state) as upload:
        if dry_run:
            return Json(await state.upload(rehearsed, upload, wanted))
        fingerprint = fingerprint_of(request.url.query, repr(upload.kind), upload.sha256.encode())
        use = Use(caller.user_id, "/jobs", key, fingerprint, wanted.job_id) if key else None
        return await accepted(upload, replace(wanted, use=use), state)


def served(model: str) -> Served:
    with transaction() as session:
        return registry.find(session, model)


async def accepted(upload: Upload, wanted: Wanted, state: State) -> Response:
    job, waiting = await state.upload(stored, upload, wanted, state.limits)
    headers = {"Location": f"/jobs/{job.id}", "Retry-After": "1"}
    if job.id != wanted.job_id:
        headers["Idempotent-Replayed"] = "true"
        return Json(answers.job(job, UNKNOWN), 202, headers)
    state.limits.count(wanted.user_id, job.total)
    if waiting:
        state.hints.send(Lane.BULK, f"user {wanted.user_id}", min(waiting, MOST_HINTS))
    return Json(answers.job(job, UNKNOWN), 202, headers)


def stored(upload: Upload, wanted: Wanted, limits: Limits) -> tuple[JobRow, int]:
    """The job, durable, and how many of its slices wait; or the job that the same request made before."""
    try:
        return stored_at_once(upload, wanted, limits)
    except DatabaseAway as away:
        if not away.may_be_done:
            raise
        # The reply to the commit may be all that was lost: that is looked up, and not repeated.
        with transaction() as session:
            found = jobs_by_id(session, [wanted.job_id])
        if not found:
            raise
        return found[wanted.job_id], MOST_HINTS


def stored_at_once(upload: Upload, wanted: Wanted, limits: Limits) -> tuple[JobRow, int]:
    with transaction() as session:
        session.execute(text(f"SET LOCAL statement_timeout = {int(settings().upload_seconds * 1000)}"))
        if wanted.use and (owner := owner_of(session, wanted.use)) != wanted.job_id:
            return earlier(session, owner), 0
        version = registry.find(session, wanted.model)
        job = NewBulk(wanted.job_id, wanted.user_id, version.id, wanted.name, wanted.metadata, wanted.expires_in)
        tally = Tally()
        with closing(slices_of(upload, version, tally, wanted.reject, wanted.delimiter)) as slices:
            waiting = jobs.accept_bulk(session, job, allowed(slices, wanted.user_id, limits), tally)
        after_commit(session, partial(counts.accepted, Lane.BULK, version.model, 1, tally.total, tally.bad))
        return jobs_by_id(session, [job.id])[job.id], waiting


def allowed(slices: Iterable[NewSlice], user: int, limits: Limits) -> Iterator[NewSlice]:
    """The same, until there are more records than the user may submit now."""
    for part in slices:
        limits.check_in_thread(user, part.first + part.size)
        yield part


def owner_of(session: Session, use: Use) -> UUID:
    """The job that the key stands for; while another request with it is being stored, a conflict."""
    free = session.scalar(
        text("SELECT pg_try_advisory_xact_lock(hashtextextended(:key, :user))"),
        {"key": f"{use.route} {use.key}", "user": use.user_id},
    )
    if not free:
        raise InFlight("a request with this Idempotency-Key is being stored; ask again in a moment")
    [owner] = idempotency.remember(session, [use])
    if isinstance(owner, OtherContent):
        raise owner
    return owner


def earlier(session: Session, owner: UUID) -> JobRow:
    answer = replayed(owner, jobs_by_id(session, [owner]))
    if isinstance(answer, ScorelineError):
        raise answer
    return answer.job


def rehearsed(upload: Upload, wanted: Wanted) -> dict[str, Any]:
    """What storing the upload would have found, and how long scoring it should take."""
    version = served(wanted.model)
    tally = Tally()
    for block in blocks_of(upload, version, wanted.delimiter):
        tally.count(block, version.signature)
    valid = tally.total - tally.bad
    with transaction() as session:
        seconds = estimate(session, Lane.BULK, valid, version.slice_records)
    return {
        "model": {"name": version.model, "version": version.number},
        "records": {"total": tally.total, "valid": valid, "invalid": tally.bad},
        "errors": tally.errors,
        "warnings": jobs.warnings_of(tally.outside),
        "estimated_seconds": seconds,
    }
