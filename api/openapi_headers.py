"""Headers of answers as the OpenAPI document names them: each is described once, and referred to."""

from typing import Any

Documented = dict[int | str, dict[str, Any]]


def header(description: str, required: bool = False, kind: str = "string", **schema: Any) -> dict[str, Any]:
    return {"description": description, "required": required, "schema": {"type": kind, **schema}}


HEADERS = {
    "Location": header("Where the thing is that was made", True, format="uri-reference"),
    "Retry-After": header("Seconds after which it is worth asking again", kind="integer", minimum=1),
    "ETag": header("The revision: for If-None-Match, and for If-Match where something is changed", True),
    "Link": header('The next page: `<...>; rel="next"`; there is none on the last one'),
    "Preference-Applied": header("`wait=N`: the answer waited until the job was finished", True),
    "Idempotent-Replayed": header("`true`: an earlier request with this Idempotency-Key made the job"),
    "RateLimit": header("What is left of each quota, and the seconds until it is whole again"),
    "RateLimit-Policy": header("The quotas: how much in how many seconds"),
    "WWW-Authenticate": header("`Bearer`", True),
    "Content-Disposition": header("The name of a file to keep it in", True),
    "Cache-Control": header("`no-store`: it is shown this once", True),
    "X-Request-ID": header("Stands in the log, too", True, pattern="^[A-Za-z0-9._-]{1,64}$"),
}


def with_headers(status: int, *names: str, **more: Any) -> Documented:
    """The `responses` of a route: an answer with these headers."""
    return {status: {**more, "headers": referred(*names)}}


def referred(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
