"""Every error as application/problem+json."""

import logging
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from shared.errors import Forbidden, Invalid, MethodNotAllowed, NotFound, ScorelineError

CLASSES: dict[int, type[ScorelineError]] = {kind.status: kind for kind in (Forbidden, NotFound, MethodNotAllowed)}

log = logging.getLogger(__name__)


def answer(error: ScorelineError, request: Request, headers: dict[str, str] | None = None) -> Response:
    headers = dict(headers or {})
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(
        orjson.dumps(error.body(request.scope.get("request_id"))),
        error.status,
        headers,
        media_type="application/problem+json",
    )


def on_scoreline_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ScorelineError)
    return answer(error, request)


def on_http_error(request: Request, error: Exception) -> Response:
    """What the framework itself refuses: an address that is not there, a method it does not take."""
    assert isinstance(error, HTTPException)
    kind = CLASSES.get(error.status_code, ScorelineError)
    detail = error.detail
    if kind is NotFound:
        detail = f"there is nothing at {request.url.path[:200]}; / lists what there is"
    if kind is MethodNotAllowed:
        detail = f"{request.method} is not possible here; /docs shows what is"
    problem = kind(detail)
    problem.status = error.status_code
    return answer(problem, request, dict(error.headers or {}))


def on_invalid_parameters(request: Request, error: Exception) -> Response:
    """Never echoes the value, which JSON may not be able to carry."""
    assert isinstance(error, RequestValidationError)
    errors = [
        {"pointer": "/".join(map(str, one["loc"][1:])), "code": one["type"], "detail": one["msg"]}
        for one in error.errors()
    ]
    place = ".".join(map(str, error.errors()[0]["loc"][1:]))
    return answer(Invalid(f"{place}: {error.errors()[0]['msg']}", errors), request)


def on_hang_up(_: Request, __: Exception) -> Response:
    return Response(status_code=400)  # nobody is there to read it


def on_bug(request: Request, error: Exception) -> Response:
    log.error("the request failed", exc_info=error)
    return answer(ScorelineError("this is a fault of the service; its log has the request_id"), request)


def handle_all(app: FastAPI) -> None:
    app.add_exception_handler(ScorelineError, on_scoreline_error)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_exception_handler(RequestValidationError, on_invalid_parameters)
    app.add_exception_handler(ClientDisconnect, on_hang_up)
    app.add_exception_handler(Exception, on_bug)


def documented(*kinds: type[ScorelineError]) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route: what it may answer beyond what api/refusals.py says of all of its kind."""
    return {kind.status: {"description": kind.title} for kind in kinds}
