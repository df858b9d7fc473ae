"""Jobs as their owner sees them."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import asdict
from typing import Annotated
from uuid import UUID

import orjson
from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import StreamingResponse

from api import answers, parameters
from api.answers import Job, JobPage, Json, StatusName
from api.callers import Calling
from api.examples import EVENT
from api.openapi_headers import Documented, referred, with_headers
from api.parameters import header_parameter
from api.problems import documented
from api.state import Shared, State
from api.streams import Held
from api.waiting import updated
from shared import jobs, lookup, metrics, queue
from shared.db import after_commit, transaction
from shared.errors import Conflict, NotFound
from shared.logs import JOB
from shared.lookup import FINISHED, UNKNOWN, JobRow
from shared.registry import NAME
from shared.settings import settings
from shared.tables import Lane

router = APIRouter(prefix="/jobs", tags=["jobs"])
QUIET_SECONDS = 15.0
NOTHING_AGAIN = "there is nothing to try again; a record refused for what is in it must be corrected and sent anew"
Limit = Annotated[int, Query(ge=1, le=1000)]
Id = Annotated[str, Path(description="the id of a job of yours", json_schema_extra={"format": "uuid"})]
Filter = Annotated[
    str | None,
    Query(description="`housing`, or `housing:3`", json_schema_extra={"pattern": rf"^{NAME}(:[1-9]\d{{0,8}})?$"}),
]
UNCHANGED = with_headers(304, "ETag", description="Not changed since the ETag in If-None-Match")
IF_NONE_MATCH = header_parameter("If-None-Match", "the ETag of an answer before: 304 if it still holds")
STREAM: Documented = {
    200: {
        "description": "Events named `job`, each with the job as its data and the revision as its id",
        "content": {"text/event-stream": {"schema": {}, "example": EVENT}},
    },
    204: {"description": "Finished, and `Last-Event-ID` is its last revision", "headers": referred("X-Request-ID")},
}


@router.get("", response_model=JobPage, responses=documented(NotFound) | with_headers(200, "Link"))
def list_jobs(
    request: Request,
    caller: Calling,
    status: StatusName | None = None,
    model: Filter = None,
    limit: Limit = 50,
    after: Annotated[UUID | None, Query(description="`next` of the page before")] = None,
) -> Response:
    """Your jobs, newest first. `meta.KEY=VALUE` finds those that were submitted with it."""
    name, number = parameters.model_filter(model)
    with transaction() as session:
        rows = lookup.jobs_page(
            session, caller.user_id, limit + 1, after, status, name, number, parameters.metadata(request.query_params)
        )
    items = [answers.job(row, FINISHED if row.finished else UNKNOWN) for row in rows[:limit]]
    following = items[-1]["id"] if len(rows) > limit else None
    return Json({"items": items, "next": following}, headers=link_next(request, following))


def link_next(request: Request, after: str | None) -> dict[str, str]:
    if after is None:
        return {}
    query = request.url.include_query_params(after=after).query
    return {"Link": f'<{request.url.path}?{query}>; rel="next"'}


@router.get(
    "/{job_id}",
    response_model=Job,
    responses=documented(NotFound) | with_headers(200, "ETag") | UNCHANGED,
    openapi_extra=IF_NONE_MATCH,
)
async def read_job(
    job_id: Id,
    request: Request,
    caller: Calling,
    state: Shared,
    wait: Annotated[float, Query(ge=0, le=3600, description="answer when finished, at the latest after N seconds")] = 0,
) -> Response:
    """One job. With `wait`, the answer comes when it is finished."""
    wanted = parameters.job_id(job_id)
    row = own(await state.read(wanted), caller.user_id, wanted)
    if wait and not row.finished:
        row = await state.followed(wanted, min(wait, settings().wait_seconds)) or row
    etag = f'"{row.revision}"'
    known = parameters.known_etags(request)
    if etag in known or "*" in known:
        return Response(status_code=304, headers={"ETag": etag})
    return Json(answers.job(row, await state.outlook(row)), headers={"ETag": etag})


def own(row: JobRow | None, user: int, wanted: UUID) -> JobRow:
    """The row, if it is the caller's; somebody else's is not there."""
    if row is None or row.user_id != user:
        raise parameters.no_such_job(wanted)
    JOB.set(str(wanted))
    return row


@router.post("/{job_id}/cancel", response_model=Job, responses=documented(NotFound))
def cancel_job(job_id: Id, caller: Calling) -> Response:
    """Ends what waits and keeps what is scored; what runs may finish. Twice is once."""
    wanted = parameters.job_id(job_id)
    with transaction() as session:
        own(lookup.jobs_by_id(session, [wanted]).get(wanted), caller.user_id, wanted)
        if changed := jobs.cancel(session, wanted):
            after_commit(session, lambda: queue.announce(asdict(job) for job in changed))
            after_commit(session, lambda: metrics.finished(job.status for job in changed))
        row = own(lookup.jobs_by_id(session, [wanted]).get(wanted), caller.user_id, wanted)
    return Json(answers.job(row, UNKNOWN))


@router.post(
    "/{job_id}/retry",
    response_model=Job,
    status_code=202,
    responses=documented(NotFound, Conflict) | with_headers(202, "Location"),
)
async def retry_job(job_id: Id, caller: Calling, state: Shared) -> Response:
    """Scores again what failed, was canceled or expired, and only that; what is scored is not touched."""
    wanted = parameters.job_id(job_id)
    await state.limits.admit(caller.user_id, 0)
    row, waiting = await asyncio.to_thread(retried, wanted, caller.user_id)
    state.hints.send(Lane(row.lane), f"user {caller.user_id}", min(waiting, queue.MOST_HINTS))
    return Json(answers.job(row, UNKNOWN), 202, {"Location": f"/jobs/{row.id}"})


def retried(wanted: UUID, user: int) -> tuple[JobRow, int]:
    with transaction() as session:
        row = own(lookup.jobs_by_id(session, [wanted]).get(wanted), user, wanted)
        waiting = jobs.retry(session, wanted)
        if not waiting:
            raise Conflict(NOTHING_AGAIN if row.finished else "the job is not finished yet; wait, or cancel it")
        return own(lookup.jobs_by_id(session, [wanted]).get(wanted), user, wanted), waiting


@router.get(
    "/{job_id}/events",
    response_class=StreamingResponse,
    responses=documented(NotFound) | STREAM,
    openapi_extra=header_parameter("Last-Event-ID", "the last revision that was seen"),
)
async def follow_job(job_id: Id, request: Request, caller: Calling, state: Shared) -> Response:
    """The job at each change until it is finished, as server-sent events; `Last-Event-ID` is the last revision seen."""
    wanted = parameters.job_id(job_id)
    row = own(await state.read(wanted), caller.user_id, wanted)
    state.streams.check(caller.user_id)
    seen = request.headers.get("last-event-id", "")
    if row.finished and seen == str(row.revision):
        return Response(status_code=204)  # tells a browser not to come again
    return Held(
        changes(state, wanted, seen),
        state.streams.one(caller.user_id),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store"},
    )


async def changes(state: State, job: UUID, seen: str) -> AsyncGenerator[bytes]:
    with state.waiting.on(job) as watch:
        row = await state.read(job)
        while row is not None:
            if str(row.revision) != seen:
                seen = str(row.revision)
                data = orjson.dumps(answers.job(row, await state.outlook(row)))
                yield b"id: %s\nevent: job\ndata: %s\n\n" % (seen.encode(), data)
            if row.finished or state.waiting.is_over:
                return
            try:
                async with asyncio.timeout(QUIET_SECONDS):
                    news = await watch.next()
            except TimeoutError:
                yield b": nothing new\n\n"
                news = None
            row = updated(row, news) or await state.read(job)


@router.delete("/{job_id}", status_code=204, responses=documented(NotFound, Conflict))
def delete_job(job_id: Id, caller: Calling) -> None:
    """Erases a finished job with its inputs and outputs."""
    wanted = parameters.job_id(job_id)
    with transaction() as session:
        own(lookup.jobs_by_id(session, [wanted]).get(wanted), caller.user_id, wanted)
        if not jobs.delete(session, wanted):
            raise Conflict("the job is not finished; cancel it first, or wait until it is")
