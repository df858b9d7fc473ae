"""Query parameters and headers that several routes understand."""

import re
from collections.abc import Container, Iterable, Mapping
from typing import Any
from uuid import UUID

from fastapi import Request

from shared.errors import Invalid, Malformed, NotFound
from shared.registry import DEFAULT_MODEL, Ref

META = "meta."
MOST_METADATA, LONGEST_NAME, LONGEST_VALUE = 16, 64, 500
SHORTEST_EXPIRY, LONGEST_EXPIRY = 0.001, 30 * 24 * 3600
DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
PRINTABLE = re.compile(r"[\x21-\x7e]{1,255}")


def header_parameter(name: str, description: str, **schema: Any) -> dict[str, Any]:
    """For OpenAPI, since the route reads the header itself."""
    schema = {"type": "string", **schema}
    return {"parameters": [{"name": name, "in": "header", "schema": schema, "description": description}]}


PREFER = header_parameter(
    "Prefer", "`wait=N`: answer with the finished job, if that takes at most N seconds (1 to 60)", examples=["wait=10"]
)["parameters"]
DOCUMENTED: list[dict[str, Any]] = [
    *header_parameter(
        "Idempotency-Key",
        "The same key with the same request gets the same job, for 24 hours",
        pattern=f"^{PRINTABLE.pattern}$",
        examples=["order-7"],
    )["parameters"],
    {
        "name": "expires_in",
        "in": "query",
        "schema": {"type": "number", "minimum": SHORTEST_EXPIRY, "maximum": LONGEST_EXPIRY},
        "description": "Seconds; what has not started by then never starts",
    },
]


def idempotency_key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and not PRINTABLE.fullmatch(key):
        raise Malformed("an Idempotency-Key has 1 to 255 printable ASCII characters and no space")
    return key


def expires_in(query: Mapping[str, str]) -> float | None:
    written = query.get("expires_in")
    if written is None:
        return None
    try:
        seconds = float(written) if re.fullmatch(r"\d+(\.\d+)?", written) else 0.0
    except ValueError:
        seconds = 0.0
    if not SHORTEST_EXPIRY <= seconds <= LONGEST_EXPIRY:
        raise Invalid(f"expires_in must be a number of seconds, from {SHORTEST_EXPIRY} to {LONGEST_EXPIRY:,}")
    return seconds


def metadata(query: Mapping[str, str]) -> dict[str, str]:
    """The strings that are kept with the job, from `meta.KEY=VALUE`."""
    return checked_metadata({name.removeprefix(META): value for name, value in query.items() if name.startswith(META)})


def checked_metadata(found: Any) -> dict[str, str]:
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise Invalid("metadata must be an object of strings")
    if len(found) > MOST_METADATA:
        raise Invalid(f"metadata may have at most {MOST_METADATA} entries")
    for name, value in found.items():
        if not 0 < len(name) <= LONGEST_NAME or len(value) > LONGEST_VALUE or "\0" in name + value:
            raise Invalid(
                f"a name in metadata has 1 to {LONGEST_NAME} characters, a value at most {LONGEST_VALUE}, neither a NUL"
            )
    return found


def delimiter(written: str | None) -> str | None:
    """What parts the cells of a CSV, where it is not to be guessed from the header."""
    if written is None:
        return None
    chosen = DELIMITERS.get(written.lower(), written)
    if chosen not in DELIMITERS.values():
        raise Invalid(f"delimiter is one of {', '.join(DELIMITERS)}, or the character itself")
    return chosen


def refuse_unknown(query: Iterable[str], known: Container[str]) -> None:
    """A parameter that nobody reads is a mistake: `dryrun=true` is not to store a million records."""
    for name in query:
        if name not in known and not name.startswith(META):
            raise Invalid(f'"{name[:100]}" is not a parameter here; /docs lists what is')


def job_name(name: str | None) -> str | None:
    if name is not None and (len(name) > LONGEST_VALUE or "\0" in name):
        raise Invalid(f"a name has at most {LONGEST_VALUE} characters, and no NUL")
    return name


def envelope(written: Any) -> tuple[str, Any, dict[str, str]]:
    """Model, record and metadata of `{"model": ..., "input": {...}, "metadata": {...}}`."""
    if not isinstance(written, dict) or "input" not in written:
        raise Invalid('the body must be an object with "input", and may have "model" and "metadata"')
    if strange := sorted(written.keys() - {"model", "input", "metadata"}):
        raise Invalid(f'"{strange[0][:100]}" is not understood here; the features belong into "input"')
    model = written.get("model", DEFAULT_MODEL)
    if not isinstance(model, str):
        raise Invalid('"model" must be text, such as "housing" or "housing:3"')
    return model, written["input"], checked_metadata(written.get("metadata", {}))


def known_etags(request: Request) -> list[str]:
    """Those of If-None-Match, which may be weak; `*` is any."""
    return [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]


def revisions(request: Request) -> list[int] | None:
    """The revisions of If-Match, which wants strong ETags; None without it, and for `*`."""
    written = request.headers.get("if-match")
    if written is None or written.strip() == "*":
        return None
    return [int(number) for number in re.findall(r'(?<!W/)"(\d{1,9})"', written)]


def job_id(written: str) -> UUID:
    try:
        return UUID(written)
    except ValueError:
        raise no_such_job(written) from None


def record_id(written: str) -> tuple[UUID, int]:
    """Job and number of `JOB.RECORD`."""
    job, _, record = written.partition(".")
    if not re.fullmatch(r"\d{1,9}", record):
        raise NotFound(f'"{written[:100]}" is no record; write the id of a job, a point, and the number of the record')
    return job_id(job), int(record)


def cursor(written: str) -> tuple[UUID, int]:
    try:
        return record_id(written)
    except NotFound:
        raise Invalid("after must be the `next` of a page before") from None


def no_such_job(job: object) -> NotFound:
    return NotFound(f'there is no job "{str(job)[:100]}" of yours; GET /jobs lists what there is')


def model_filter(written: str | None) -> tuple[str | None, int | None]:
    """Name and number of `housing` or `housing:3`."""
    if written is None:
        return None, None
    ref = Ref.parse(written)
    if "@" in written:
        raise Invalid("filter by a model or a version, such as housing or housing:3; an alias moves")
    return ref.model, ref.number
