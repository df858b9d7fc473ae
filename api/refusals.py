"""What an operation may answer instead of what was asked, for the OpenAPI document: each error is described once."""

from typing import Any

from api.openapi_headers import referred
from shared.errors import ScorelineError

Values = dict[str, Any]
CLASSES = {kind.status: kind for kind in reversed(ScorelineError.__subclasses__())}  # of several the first
# What every operation of a kind may answer; its own route names the rest.
OF_CALLERS = (401, 429, 503)
OF_BODIES = (400, 408, 413, 415, 422)
OF_QUERIES = (422,)
DETAILS = {
    400: "the body is not JSON: unexpected end of data: line 1 column 22 (char 21)",
    401: "send your key as the header Authorization: Bearer sk_...",
    403: "only an administrator may do that; use the key of one",
    404: 'there is no job "0199c1e8-7a3b-7c21-9f00-2f6d8c1f1a55" of yours; GET /jobs lists what there is',
    408: "nothing more of the request came for 30 s",
    409: "the job is not finished; cancel it first, or wait until it is",
    412: "the alias was moved meanwhile; read it again",
    413: "a body here may have at most 1,048,576 bytes; send many records to POST /jobs",
    415: "send the body as Content-Type: application/json",
    422: '"median_incme" is not a feature of housing:3; did you mean "median_income"?',
    429: "8 of your records wait, of at most 8; come again when some are scored, or cancel a job",
    503: "the database does not answer; try again",
}
SENT_WITH = {
    401: ("WWW-Authenticate",),
    409: ("Retry-After",),
    429: ("Retry-After", "RateLimit", "RateLimit-Policy"),
    503: ("Retry-After",),
}

PROBLEM: Values = {
    "type": "object",
    "title": "Problem",
    "description": "What is wrong, where, and what to do (RFC 9457)",
    "required": ["type", "title", "status", "detail", "code", "request_id"],
    "properties": {
        **{name: {"type": "string"} for name in ("type", "title", "detail", "code", "request_id")},
        "status": {"type": "integer"},
        "errors": {
            "type": "array",
            "description": "Each place that is wrong, at most 100",
            "items": {
                "type": "object",
                "properties": {
                    **{name: {"type": "string"} for name in ("pointer", "column", "code", "detail", "raw")},
                    **{name: {"type": "integer"} for name in ("record", "line")},
                },
            },
        },
    },
}


def responses() -> Values:
    """Those that operations refer to, by their status."""
    return {f"Problem{status}": response(status) for status in sorted(CLASSES)}


def response(status: int) -> Values:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        "description": CLASSES[status].title,
        "headers": referred("X-Request-ID", *SENT_WITH.get(status, ())),
        "content": {"application/problem+json": {"schema": schema, "example": example(status)}},
    }


def example(status: int) -> Values:
    kind = CLASSES[status]
    return {
        "type": f"urn:scoreline:{kind.code}",
        "title": kind.title,
        "status": status,
        "detail": DETAILS.get(status, kind.title),
        "code": kind.code,
        "request_id": "5f1c0a9be2d34b77",
    }


def of(operation: Values, is_open: bool) -> set[int]:
    """What follows from what the operation takes."""
    found = set() if is_open else set(OF_CALLERS)
    if "requestBody" in operation:
        found |= set(OF_BODIES)
    if any(one["in"] == "query" for one in operation.get("parameters", ())):
        found |= set(OF_QUERIES)
    return found


def document(operation: Values, is_open: bool) -> None:
    """Has the operation refer to each of its errors: those that its route named, and those that follow."""
    answers = operation["responses"]
    if "HTTPValidationError" in str(answers.get("422")):  # the framework's own guess
        del answers["422"]
    named = {int(status) for status, answer in answers.items() if int(status) >= 400 and "content" not in answer}
    for status in named | {status for status in of(operation, is_open) if str(status) not in answers}:
        answers[str(status)] = {"$ref": f"#/components/responses/Problem{status}"}
    operation["responses"] = {status: answers[status] for status in sorted(answers)}
