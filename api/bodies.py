"""Bodies of requests: counted as they stream in, and read by the letter of the JSON standard."""

import json
from typing import Any

import orjson
from fastapi import Request

from shared.errors import Malformed, TooLarge, UnsupportedType


async def body_of(request: Request, limit: int) -> bytes:
    """The whole body, read no further than the limit."""
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise TooLarge(f"a body here may have at most {limit:,} bytes; send many records to POST /jobs")
        chunks.append(chunk)
    return b"".join(chunks)


async def json_of(request: Request, limit: int) -> tuple[bytes, Any]:
    """The bytes of a JSON body, and what they say."""
    content_type = request.headers.get("content-type", "application/json")
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise UnsupportedType("send the body as Content-Type: application/json")
    body = await body_of(request, limit)
    return body, parsed(body)


def parsed(body: bytes) -> Any:
    """What JSON says that has no NaN, no infinity, no broken Unicode, no key twice and no NUL."""
    if not body.strip():
        raise Malformed("the body is empty; send a JSON object")
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Malformed(f"the body is not JSON: {explained(body, error)}") from error
    if isinstance(value, dict | list):
        refuse_twins(body)
    return value


def refuse_twins(body: bytes) -> None:
    """Reads once more, since orjson keeps the last of two equal keys and says nothing."""
    try:
        json.loads(body, object_pairs_hook=without_twins)
    except RecursionError:
        raise Malformed("the body is nested too deeply; a record is one flat object") from None


def explained(body: bytes, error: orjson.JSONDecodeError) -> str:
    if not body[error.pos :].lstrip(b"-").startswith((b"NaN", b"Inf")):
        return str(error)
    place = f"line {error.lineno}, column {error.colno}"
    return f"NaN and Infinity are not numbers of JSON; send null for a missing value ({place})"


def without_twins(pairs: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise Malformed(f'the key "{name[:100]}" stands twice in one object; send it once')
        seen.add(name)
