"""One record in, a job out."""

import re
from hashlib import sha256
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from api import answers, bodies, parameters
from api.accept import Asked
from api.answers import Job
from api.callers import Calling
from api.problems import documented
from api.state import Shared, State
from shared import jobs
from shared.errors import (
    Conflict,
    DatabaseAway,
    Invalid,
    Malformed,
    NotFound,
    TooLarge,
    Unauthorized,
    UnsupportedType,
)
from shared.idempotency import Use
from shared.keys import Caller
from shared.lookup import Outlook
from shared.registry import DEFAULT_MODEL
from shared.settings import settings

router = APIRouter(tags=["predict"])
WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*(\d{1,6})(?=$|[,;\s])")
UNKNOWN = Outlook(None, None)
REFUSALS = documented(Malformed, Unauthorized, NotFound, Conflict, TooLarge, UnsupportedType, Invalid, DatabaseAway)
DONE: dict[int | str, dict[str, Any]] = {200: {"model": Job, "description": "With `Prefer: wait`: the finished job"}}
ModelRef = Annotated[str, Path(description="`housing`, `housing:3` or `housing@champion`")]


def body_schema(name: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
    return {"parameters": parameters.DOCUMENTED, "requestBody": {"required": True, "content": content}}


@router.post("/predict", status_code=202, responses={**REFUSALS, **DONE}, openapi_extra=body_schema("Record"))
async def predict(request: Request, response: Response, caller: Calling, state: Shared) -> Job:
    """Scores one record with the default model."""
    body, record = await bodies.json_of(request, settings().predict_bytes)
    return await submit(request, response, state, asked(request, caller, "/predict", body, DEFAULT_MODEL, record))


@router.post(
    "/predict/{model}", status_code=202, responses={**REFUSALS, **DONE}, openapi_extra=body_schema("AnyRecord")
)
async def predict_with(model: ModelRef, request: Request, response: Response, caller: Calling, state: Shared) -> Job:
    """Scores one record with this model."""
    body, record = await bodies.json_of(request, settings().predict_bytes)
    return await submit(request, response, state, asked(request, caller, f"/predict/{model}", body, model, record))


@router.post("/predictions", status_code=202, responses={**REFUSALS, **DONE}, openapi_extra=body_schema("Envelope"))
async def predict_enveloped(request: Request, response: Response, caller: Calling, state: Shared) -> Job:
    """Scores one record; model, input and metadata come in one object."""
    body, envelope = await bodies.json_of(request, settings().predict_bytes)
    model, record, metadata = parameters.envelope(envelope)
    one = asked(request, caller, "/predictions", body, model, record, metadata)
    return await submit(request, response, state, one)


def asked(
    request: Request,
    caller: Caller,
    route: str,
    body: bytes,
    ref: str,
    record: Any,
    metadata: dict[str, str] | None = None,
) -> Asked:
    job_id = jobs.new_id()
    key = parameters.idempotency_key(request)
    use = Use(caller.user_id, route, key, fingerprint(request, body), job_id) if key else None
    metadata = parameters.metadata(request.query_params) | (metadata or {})
    return Asked(job_id, caller.user_id, ref, record, metadata, parameters.expires_in(request.query_params), use)


def fingerprint(request: Request, body: bytes) -> str:
    parts = (request.url.query.encode(), request.headers.get("content-type", "").encode(), body)
    return sha256(b"\0".join(parts)).hexdigest()


async def submit(request: Request, response: Response, state: State, one: Asked) -> Job:
    """The job, stored; and finished, if the client would rather wait for that and it takes no longer."""
    seconds = wanted_wait(request)
    with state.waiting.on(one.job_id) as changed:
        accepted = await state.accept(one)
        row = accepted.job
        if seconds and not accepted.replayed:
            row = await state.finished(row, changed, seconds)
    if seconds and accepted.replayed:
        row = await state.followed(row.id, seconds) or row
    response.headers["Location"] = f"/jobs/{row.id}"
    if accepted.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    if seconds and row.finished:
        response.status_code = 200
        response.headers["Preference-Applied"] = f"wait={seconds}"
    else:
        response.headers["Retry-After"] = "1"
    return answers.job(row, UNKNOWN)


def wanted_wait(request: Request) -> int:
    """The seconds of `Prefer: wait=N`, at the most what the service allows; 0 without."""
    match = WAIT.search(",".join(request.headers.getlist("prefer")).lower())
    return min(int(match[1]), int(settings().wait_seconds)) if match else 0
