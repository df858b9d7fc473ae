"""What clients get to see: the shapes of CONTRACT, and how rows become them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from fastapi import Response
from pydantic import BaseModel, PlainSerializer

from shared.lookup import JobRow, Outlook, PredictionRow
from shared.registry import Pointer, Ref
from shared.tables import Key, User, Version

Values = dict[str, Any]


def in_milliseconds(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Time = Annotated[datetime, PlainSerializer(in_milliseconds, return_type=str)]
StatusName = Literal["pending", "running", "succeeded", "failed", "canceled", "expired"]


class Json(Response):
    """A dict, as JSON."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content)


class ModelName(BaseModel):
    name: str
    version: int


class Records(BaseModel):
    total: int
    succeeded: int
    failed: int


class RecordError(BaseModel):
    """Why a record, or a whole job, has no output."""

    code: str
    detail: str


class Urls(BaseModel):
    self: str
    results: str
    errors: str
    events: str
    cancel: str
    retry: str


class Job(BaseModel):
    """A job: 1..n predictions against one version. `input` and `output` are there for a job of one record."""

    id: UUID
    name: str | None
    metadata: dict[str, str]
    status: StatusName
    model: ModelName
    records: Records
    progress: float
    input: Values | None
    output: Values | None
    error: RecordError | None
    warnings: dict[str, Any]
    ahead: int | None
    eta_seconds: float | None
    created_at: Time
    started_at: Time | None
    finished_at: Time | None
    urls: Urls


class Counted(BaseModel):
    total: int
    valid: int
    invalid: int


class Rehearsal(BaseModel):
    """What storing a file would have found, and how long scoring it should take."""

    model: ModelName
    records: Counted
    errors: list[dict[str, Any]]
    warnings: dict[str, Any]
    estimated_seconds: float | None


class JobPage(BaseModel):
    items: list[Job]
    next: str | None


class Prediction(BaseModel):
    """One scored record."""

    id: str
    job: UUID
    record: int
    model: ModelName
    status: Literal["succeeded", "failed"]
    input: Values | None
    output: Values | None
    error: RecordError | None
    created_at: Time
    finished_at: Time | None


class PredictionPage(BaseModel):
    items: list[Prediction]
    next: str | None


class VersionAnswer(BaseModel):
    """A version of a model, with the aliases that point at it now.

    `checked_at` is when a worker found that it may be loaded, `failure` why none may.
    """

    ref: str
    model: str
    version: int
    task: str
    framework: str
    aliases: list[str]
    is_active: bool
    failure: str | None
    checked_at: Time | None
    inputs: list[str]
    outputs: list[str]
    metrics: Values
    training: Values
    slice_records: int
    artifact: str
    sha256: str
    created_at: Time


class AliasAnswer(BaseModel):
    """Where an alias points; `revision` counts its moves, and is the ETag."""

    model: str
    alias: str
    version: int
    ref: str
    revision: int


class Versions(BaseModel):
    items: list[VersionAnswer]


class UserAnswer(BaseModel):
    """Who may call the service."""

    id: int
    email: str
    username: str
    is_admin: bool
    is_active: bool
    created_at: Time


class UserPage(BaseModel):
    items: list[UserAnswer]
    next: str | None


class KeyAnswer(BaseModel):
    """What is kept of a key. `last_used_at` is right to the minute."""

    id: int
    name: str
    prefix: str
    created_at: Time
    last_used_at: Time | None
    revoked_at: Time | None


class NewKeyAnswer(KeyAnswer):
    """The same with the key itself, this once."""

    key: str


class KeyPage(BaseModel):
    items: list[KeyAnswer]


def urls(job: UUID) -> dict[str, str]:
    address = f"/jobs/{job}"
    parts = ("results", "errors", "events", "cancel", "retry")
    return {"self": address, **{name: f"{address}/{name}" for name in parts}}


def named(names: tuple[str, ...], values: list[Any] | None) -> Values | None:
    return None if values is None else dict(zip(names, values, strict=True))


def problem(written: Mapping[str, Any] | None) -> Values | None:
    return None if written is None else {"code": written["code"], "detail": written["detail"]}


def time(at: datetime | None) -> str | None:
    return None if at is None else in_milliseconds(at)


def job(row: JobRow, outlook: Outlook) -> Values:
    """A Job as it is sent. Not through the model, which takes four times as long; a test compares the two."""
    single = row.signature if row.total == 1 and row.inputs is not None else None
    return {
        "id": str(row.id),
        "name": row.name,
        "metadata": row.metadata,
        "status": row.status,
        "model": {"name": row.model, "version": row.version},
        "records": {"total": row.total, "succeeded": row.succeeded, "failed": row.failed},
        "progress": row.settled * 10_000 // row.total / 10_000,
        "input": named(single.names, (row.inputs or [None])[0]) if single else None,
        "output": named(single.outputs, (row.outputs or [None])[0]) if single else None,
        "error": problem(row.error or next(iter(row.errors or ()), None)),
        "warnings": row.warnings,
        "ahead": outlook.ahead,
        "eta_seconds": outlook.eta_seconds,
        "created_at": time(row.created_at),
        "started_at": time(row.started_at),
        "finished_at": time(row.finished_at),
        "urls": urls(row.id),
    }


def prediction(row: PredictionRow) -> Prediction:
    return Prediction(
        id=f"{row.job_id}.{row.record}",
        job=row.job_id,
        record=row.record,
        model=ModelName(name=row.model, version=row.version),
        status=row.status,
        input=named(row.signature.names, row.input),
        output=named(row.signature.outputs, row.output),
        error=problem(row.problem),
        created_at=row.created_at,
        finished_at=row.finished_at,
    )


def version(row: Version, aliases: list[str]) -> VersionAnswer:
    return VersionAnswer(
        ref=str(Ref(row.model, row.number, None)),
        model=row.model,
        version=row.number,
        task=row.task,
        framework=row.framework,
        aliases=aliases,
        is_active=row.is_active,
        failure=row.failure,
        checked_at=row.checked_at,
        inputs=[feature["name"] for feature in row.signature["inputs"]],
        outputs=row.signature["outputs"],
        metrics=row.metrics,
        training=row.training,
        slice_records=row.slice_records,
        artifact=row.artifact,
        sha256=row.sha256,
        created_at=row.created_at,
    )


def alias(row: Pointer) -> AliasAnswer:
    ref = str(Ref(row.model, row.number, None))
    return AliasAnswer(model=row.model, alias=row.alias, version=row.number, ref=ref, revision=row.revision)


def user(row: User) -> UserAnswer:
    return UserAnswer(
        id=row.id,
        email=row.email,
        username=row.username,
        is_admin=row.is_admin,
        is_active=row.is_active,
        created_at=row.created_at,
    )


def key(row: Key) -> KeyAnswer:
    return KeyAnswer(
        id=row.id,
        name=row.name,
        prefix=row.prefix,
        created_at=row.created_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )
