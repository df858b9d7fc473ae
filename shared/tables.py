"""The tables. What the code believes about a row stands here as a CHECK; only migrations/ creates them."""

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    JSON,
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    MetaData,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Status(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    EXPIRED = "expired"

    @property
    def finished(self) -> bool:
        return self not in (Status.PENDING, Status.RUNNING)


class Lane(StrEnum):
    SINGLE = "single"
    BULK = "bulk"


KNOWN_STATUS = "status IN ('pending', 'running', 'succeeded', 'failed', 'canceled', 'expired')"
KNOWN_LANE = "lane IN ('single', 'bulk')"
FINISHED_WHEN_OVER = "(status IN ('pending', 'running')) = (finished_at IS NULL)"
NOW = func.clock_timestamp()


class Table(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "pk": "%(table_name)s_pkey",
            "fk": "%(table_name)s_%(column_0_name)s_fkey",
            "uq": "%(table_name)s_%(column_0_N_name)s_key",
            "ix": "%(table_name)s_%(column_0_N_name)s_idx",
            "ck": "%(table_name)s_%(constraint_name)s",
        }
    )
    type_annotation_map: ClassVar = {
        str: Text,
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
        list[str]: ARRAY(Text),
    }


class User(Table):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    email: Mapped[str]
    username: Mapped[str]
    is_admin: Mapped[bool] = mapped_column(server_default=text("false"))
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
    __table_args__ = (
        Index("users_email_key", func.lower(text("email")), unique=True),
        Index("users_username_key", func.lower(text("username")), unique=True),
    )


class Key(Table):
    """A secret that says who one is. Only its hash is kept; `prefix` may be shown."""

    __tablename__ = "keys"
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    prefix: Mapped[str] = mapped_column(unique=True)
    secret_sha256: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class Version(Table):
    """A trained model, immutable but for `is_active` and for what the load gate finds.

    The gate measures `slice_records`, keeps the `example_output` (of each output by its name) if there was none, and
    then sets `checked_at`; or it says in `failure` why no worker may load this.
    """

    __tablename__ = "versions"
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    model: Mapped[str]
    number: Mapped[int]
    task: Mapped[str]
    framework: Mapped[str]
    signature: Mapped[dict[str, Any]]
    example: Mapped[dict[str, Any]]
    metrics: Mapped[dict[str, Any]]
    training: Mapped[dict[str, Any]]
    slice_records: Mapped[int]
    artifact: Mapped[str]
    sha256: Mapped[str]
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    failure: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
    example_output: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    checked_at: Mapped[datetime | None]
    __table_args__ = (
        UniqueConstraint("model", "number"),
        CheckConstraint("number > 0", name="number_from_one"),
        CheckConstraint("slice_records > 0", name="slice_records_positive"),
        CheckConstraint("task IN ('regression', 'classification', 'clustering')", name="known_task"),
    )


class Alias(Table):
    """A name that can move from version to version; `revision` counts the moves."""

    __tablename__ = "aliases"
    model: Mapped[str] = mapped_column(primary_key=True)
    alias: Mapped[str] = mapped_column(primary_key=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("versions.id"))
    revision: Mapped[int] = mapped_column(server_default=text("1"))


class Job(Table):
    """What a client submits and polls. Its counters change in the transaction that settles the records."""

    __tablename__ = "jobs"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    version_id: Mapped[int] = mapped_column(ForeignKey("versions.id"))
    lane: Mapped[str]
    name: Mapped[str | None]
    meta: Mapped[dict[str, Any]] = mapped_column("metadata", server_default=text("'{}'"))
    status: Mapped[str] = mapped_column(server_default=text("'pending'"))
    revision: Mapped[int] = mapped_column(server_default=text("0"))
    total: Mapped[int]
    succeeded: Mapped[int] = mapped_column(server_default=text("0"))
    failed: Mapped[int] = mapped_column(server_default=text("0"))
    canceled: Mapped[int] = mapped_column(server_default=text("0"))
    expired: Mapped[int] = mapped_column(server_default=text("0"))
    warnings: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    extras: Mapped[dict[str, str] | None] = mapped_column(JSON)
    error: Mapped[dict[str, Any] | None]
    expires_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    __table_args__ = (
        CheckConstraint(KNOWN_STATUS, name="known_status"),
        CheckConstraint(KNOWN_LANE, name="known_lane"),
        CheckConstraint("total > 0", name="total_positive"),
        CheckConstraint("least(succeeded, failed, canceled, expired) >= 0", name="counters_positive"),
        CheckConstraint("succeeded + failed + canceled + expired <= total", name="counters_within_total"),
        CheckConstraint(FINISHED_WHEN_OVER, name="finished_when_over"),
        CheckConstraint(
            "status IN ('pending', 'running') OR succeeded + failed + canceled + expired = total",
            name="settled_when_over",
        ),
        CheckConstraint("status <> 'running' OR started_at IS NOT NULL", name="running_has_started"),
        Index("jobs_user_id_id_idx", "user_id", text("id DESC")),
    )


class Slice(Table):
    """1..n records of a job in one row: what is stored, claimed and scored as one."""

    __tablename__ = "slices"
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    job_id: Mapped[UUID] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(BigInteger)
    version_id: Mapped[int] = mapped_column(BigInteger)
    lane: Mapped[str]
    first: Mapped[int]
    size: Mapped[int]
    status: Mapped[str] = mapped_column(server_default=text("'pending'"))
    attempt: Mapped[int] = mapped_column(server_default=text("0"))
    failures: Mapped[int] = mapped_column(server_default=text("0"))
    crashes: Mapped[int] = mapped_column(server_default=text("0"))
    available_at: Mapped[datetime] = mapped_column(server_default=NOW)
    expires_at: Mapped[datetime | None]
    lease_until: Mapped[datetime | None]
    worker: Mapped[str | None]
    inputs: Mapped[list[Any]] = mapped_column(JSON)
    extras: Mapped[bytes | None] = mapped_column(LargeBinary)
    outputs: Mapped[list[Any] | None] = mapped_column(JSON)
    errors: Mapped[list[Any] | None] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    __table_args__ = (
        UniqueConstraint("job_id", "first"),
        CheckConstraint(KNOWN_STATUS, name="known_status"),
        CheckConstraint(KNOWN_LANE, name="known_lane"),
        CheckConstraint("first >= 0 AND size > 0", name="within_job"),
        CheckConstraint("least(attempt, failures, crashes) >= 0", name="counters_positive"),
        CheckConstraint(FINISHED_WHEN_OVER, name="finished_when_over"),
        CheckConstraint("(status = 'running') = (lease_until IS NOT NULL)", name="running_has_lease"),
        CheckConstraint(
            "status <> 'running' OR (started_at IS NOT NULL AND worker IS NOT NULL)", name="running_has_worker"
        ),
        CheckConstraint("status <> 'succeeded' OR outputs IS NOT NULL", name="succeeded_has_outputs"),
        # Each holds only what is live, so that claim and relay cost the same over any history.
        Index("slices_single_idx", "id", postgresql_where=text("status = 'pending' AND lane = 'single'")),
        Index("slices_bulk_idx", "user_id", "id", postgresql_where=text("status = 'pending' AND lane = 'bulk'")),
        Index("slices_lease_idx", "lease_until", postgresql_where=text("status = 'running'")),
        Index(
            "slices_expiry_idx", "expires_at", postgresql_where=text("status = 'pending' AND expires_at IS NOT NULL")
        ),
    )


class Request(Table):
    """An idempotency key that was used; it outlives its job, so there is no foreign key to that."""

    __tablename__ = "requests"
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    route: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    sha256: Mapped[str]
    job_id: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(server_default=NOW, index=True)


class Worker(Table):
    """The last sign of life of each worker."""

    __tablename__ = "workers"
    name: Mapped[str] = mapped_column(primary_key=True)
    lanes: Mapped[list[str]]
    slots: Mapped[int]
    records_per_second: Mapped[float]
    seen_at: Mapped[datetime] = mapped_column(server_default=NOW)


# The newest migration that this code needs; a test compares it with migrations/.
REVISION = "0007"
