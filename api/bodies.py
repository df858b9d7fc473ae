"""Bodies of requests: counted as they stream in, read by the letter of the JSON standard, refused fault by fault."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal, TypeVar

import orjson
from fastapi import Depends, Request
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.json_schema import models_json_schema

from shared.errors import Invalid, Malformed, TooLarge, UnsupportedType
from shared.settings import settings

Values = dict[str, Any]
Body = TypeVar("Body", bound="Sent")
TYPES = ("number", "category", "boolean", "date")


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


class Sent(BaseModel):
    """What a client sends, with nothing unknown in it; RULES says by the place what a pattern wants."""

    model_config = ConfigDict(extra="forbid")
    RULES: ClassVar[dict[str, str]] = {}


async def read(request: Request, kind: type[Body], limit: int) -> Body:
    """The JSON body, valid; or Invalid with every place that is not."""
    body, value = await json_of(request, limit)
    if any("\0" in text for text in texts(value)):
        raise Invalid("the body has a NUL character, which no text here may have")
    try:
        return kind.model_validate_json(body, strict=True)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)[:100]
        problems = [as_problem(one, kind.RULES) for one in found]
        first = f"{problems[0]['pointer'] or 'the body'}: {problems[0]['detail']}"
        more = f"; and {len(problems) - 1} more" if len(problems) > 1 else ""
        raise Invalid(first + more, problems) from None


def sent(kind: type[Body]) -> Any:
    """A small body as the parameter of a route, behind the caller: who may not send it is told so first."""

    async def read_small(request: Request) -> Body:
        return await read(request, kind, settings().predict_bytes)

    return Depends(read_small)


def parsed(body: bytes) -> Any:
    """What JSON says that has no NaN, no infinity, no broken Unicode and no key twice."""
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


def as_problem(error: Any, rules: Mapping[str, str]) -> Values:
    """With a JSON Pointer to the place; what is wrong is said without what pydantic puts before it."""
    place, said = pointer(error["loc"]), re.sub(r"^Value error, ", "", error["msg"])
    detail = rules.get(place, said) if error["type"] == "string_pattern_mismatch" else said
    return {"pointer": place, "code": error["type"], "detail": detail}


def pointer(place: Sequence[int | str]) -> str:
    """Without the type of a feature, which pydantic names after the number of the input."""
    pairs = zip([None, *place], place, strict=False)
    parts = [str(part) for before, part in pairs if not (isinstance(before, int) and part in TYPES)]
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)


def texts(value: Any) -> Iterator[str]:
    """Every text in it, names too, however deep: what is nested a thousand times is not worth a stack that ends."""
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, str):
            yield found
        elif isinstance(found, dict):
            waiting += [*found, *found.values()]
        elif isinstance(found, list):
            waiting += found


def schema_of(kind: type[Sent]) -> Values:
    """For OpenAPI, since the body is read here and not by the framework."""
    schema = {"$ref": f"#/components/schemas/{kind.__name__}"}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def schemas_of(*kinds: type[Sent]) -> Values:
    """What those refer to."""
    pairs: list[tuple[type[BaseModel], Literal["validation"]]] = [(kind, "validation") for kind in kinds]
    schemas: Values = models_json_schema(pairs, ref_template="#/components/schemas/{model}")[1]["$defs"]
    return schemas
