"""One record in, a job out."""

import re
from dataclasses import replace
from hashlib import sha256
from typing import Any

from fastapi import APIRouter, Request, Response

from api import answers, bodies, parameters
from api.accept import Asked
from api.answers import Job, Json
from api.callers import caller
from api.openapi_headers import with_headers
from api.problems import documented
from api.state import State
from shared import jobs
from shared.errors import Conflict, NotFound, TooMuch
from shared.idempotency import Use
from shared.keys import Caller
from shared.lookup import UNKNOWN
from shared.registry import DEFAULT_MODEL, REFERENCE
from shared.settings import settings

router = APIRouter(tags=["predict"])
WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*(\d{1,6})(?=$|[,;\s])")
REFUSALS = documented(NotFound, Conflict)
MADE = with_headers(202, "Location", "Retry-After", "Idempotent-Replayed", description="Accepted: it is never lost")
DONE = with_headers(
    200,
    "Location",
    "Preference-Applied",
    "Idempotent-Replayed",
    model=Job,
    description="With `Prefer: wait`: the finished job",
)
MODEL: dict[str, Any] = {
    "name": "model",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "pattern": f"^{REFERENCE}$", "examples": ["housing"]},
    "description": "`housing`, `housing:3` or `housing@champion`",
}


def body_schema(name: str, *more: dict[str, Any]) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
    return {
        "parameters": [*more, *parameters.PREFER, *parameters.DOCUMENTED],
        "requestBody": {"required": True, "content": content},
    }


ACCEPTED: dict[str, Any] = {"response_model": Job, "status_code": 202, "responses": REFUSALS | MADE | DONE}


# These take the request alone: resolving dependencies costs more than storing the record.
@router.post("/predict", **ACCEPTED, openapi_extra=body_schema("Record"))
async def predict(request: Request) -> Response:
    """Scores one record with the default model."""
    sender = await caller(request)
    body, record = await bodies.json_of(request, settings().predict_bytes)
    return await submit(request, asked(request, sender, body, DEFAULT_MODEL, record))


@router.post("/predict/{model}", **ACCEPTED, openapi_extra=body_schema("AnyRecord", MODEL))
async def predict_with(request: Request) -> Response:
    """Scores one record with this model."""
    sender = await caller(request)
    body, record = await bodies.json_of(request, settings().predict_bytes)
    return await submit(request, asked(request, sender, body, request.path_params["model"], record))


@router.post("/predictions", **ACCEPTED, openapi_extra=body_schema("Envelope"))
async def predict_enveloped(request: Request) -> Response:
    """Scores one record; model, input and metadata come in one object."""
    sender = await caller(request)
    body, envelope = await bodies.json_of(request, settings().predict_bytes)
    model, record, metadata = parameters.envelope(envelope)
    return await submit(request, asked(request, sender, body, model, record, metadata))


def asked(
    request: Request, sender: Caller, body: bytes, ref: str, record: Any, metadata: dict[str, str] | None = None
) -> Asked:
    job_id = jobs.new_id()
    key = parameters.idempotency_key(request)
    route = request.url.path.removeprefix("/api/v1") if key else ""
    use = (
        Use(
            sender.user_id,
            route,
            key,
            fingerprint_of(request.url.query, request.headers.get("content-type", ""), body),
            job_id,
        )
        if key
        else None
    )
    metadata = parameters.checked_metadata(parameters.metadata(request.query_params) | (metadata or {}))
    return Asked(job_id, sender.user_id, ref, record, metadata, parameters.expires_in(request.query_params), use)


def fingerprint_of(query: str, kind: str, body: bytes) -> str:
    """What tells two requests apart: query, type and body."""
    parts = (query.encode(), kind.encode(), body)
    return sha256(b"\0".join(parts)).hexdigest()


async def submit(request: Request, one: Asked) -> Response:
    """The job, stored; and finished, if the client would rather wait for that and it takes no longer."""
    state: State = request.app.state.scoreline
    seconds = wanted_wait(request)
    with state.waiting.on(one.job_id) as watch:
        one = await admitted(one, state)
        state.limits.arriving[one.user_id] += 1
        try:
            accepted = await state.accept(one)
        finally:
            state.limits.arriving[one.user_id] -= 1
        row = accepted.job
        if not accepted.replayed:
            state.limits.count(one.user_id, 1)
        if seconds and not accepted.replayed:
            row = await state.finished(row, watch, seconds)
    if seconds and accepted.replayed:
        row = await state.followed(row.id, seconds) or row
    headers = {"Location": f"/jobs/{row.id}"}
    if accepted.replayed:
        headers["Idempotent-Replayed"] = "true"
    waited = seconds > 0 and row.finished
    headers |= {"Preference-Applied": f"wait={seconds}"} if waited else {"Retry-After": "1"}
    return Json(answers.job(row, UNKNOWN), 200 if waited else 202, headers)


async def admitted(one: Asked, state: State) -> Asked:
    """The same, if a limit does not forbid it; a request that may have been accepted before is looked up first."""
    try:
        await state.limits.admit(one.user_id)
    except TooMuch as refusal:
        if one.use is None:
            raise
        return replace(one, refusal=refusal)
    return one


def wanted_wait(request: Request) -> int:
    """The seconds of `Prefer: wait=N`, at the most what the service allows; 0 without."""
    match = WAIT.search(",".join(request.headers.getlist("prefer")).lower())
    return min(int(match[1]), int(settings().wait_seconds)) if match else 0
