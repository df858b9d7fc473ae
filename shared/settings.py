"""What the environment may set, each with a default that works on one machine."""

from functools import cache
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy import make_url


def with_driver(url: str) -> str:
    """The same address for psycopg2; SQLAlchemy 2.1 takes a bare `postgresql://` for another driver."""
    parsed = make_url(url)
    if parsed.get_backend_name() not in ("postgresql", "postgres"):
        raise ValueError(f"must begin with postgresql://, not {parsed.drivername}://")
    return parsed.set(drivername="postgresql+psycopg2").render_as_string(hide_password=False)


def words(value: object) -> object:
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


class Settings(BaseSettings):
    """Read once a process, from the environment and then from a file `.env` in the working folder."""

    model_config = SettingsConfigDict(env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True)

    database_url: Annotated[str, AfterValidator(with_driver)] = Field(
        "postgresql://scoreline@127.0.0.1:5432/scoreline", description="the PostgreSQL database, version 15 or newer"
    )
    redis_url: str = Field(
        "redis://127.0.0.1:6379/0", description="the Redis or Valkey server that carries hints and wake-ups"
    )
    models_url: str = Field(
        "models",
        description="the folder that holds the trained artefacts, or an object store such as s3://bucket/models",
    )
    models_cache: str = Field(
        "", description="where workers keep what they read from an object store; by default in the cache of their user"
    )
    models_bytes: int = Field(
        512 << 20, ge=0, description="what the models in memory may take, in each process; what the cache may take, too"
    )
    slice_records: int = Field(
        10_000,
        ge=1,
        le=100_000,
        description="records in a slice at the most; each version has its own, smaller or equal",
    )
    lease_seconds: float = Field(8, gt=0, description="how long a worker may hold a slice without a sign of life")
    slice_seconds: float = Field(
        600, gt=0, description="how long scoring a slice may take; whoever takes longer hangs, and is ended"
    )
    stop_seconds: float = Field(
        10, ge=0, description="how long a worker that is told to stop waits for its slices before it gives them back"
    )
    max_attempts: int = Field(3, ge=1, description="how often the model may fail on a slice before its records fail")
    relay_seconds: float = Field(
        1, gt=0, description="how often each worker looks for lost hints and dead workers, and says that it is alive"
    )
    retention_days: int = Field(
        0, ge=0, description="how many days finished jobs are kept before workers erase them; with 0, for ever"
    )
    predict_bytes: int = Field(1 << 20, ge=1, description="the largest body of a request for one record")
    job_bytes: int = Field(1 << 30, ge=1, description="the largest upload of a job, packed and unpacked")
    json_bytes: int = Field(32 << 20, ge=1, description="the largest upload of type application/json")
    job_records: int = Field(10_000_000, ge=1, description="the most records of a job")
    requests_per_minute: int = Field(300_000, ge=0, description="requests of a user in a minute; with 0, any number")
    records_per_day: int = Field(
        1_000_000_000, ge=0, description="records that a user may submit in a day of UTC; with 0, any number"
    )
    records_waiting: int = Field(
        50_000_000, ge=0, description="records of a user that may wait at once; with 0, any number"
    )
    queue_records: int = Field(
        200_000_000, ge=0, description="records of all users that may wait at once; with 0, any number"
    )
    streams_per_user: int = Field(
        100, ge=0, description="event streams of a user that each API process keeps open; with 0, any number"
    )
    streams: int = Field(5_000, ge=0, description="event streams that each API process keeps open; with 0, any number")
    spool_free_bytes: int = Field(
        256 << 20, ge=0, description="what uploads leave free of the disk that they come to first"
    )
    stall_seconds: float = Field(
        30, gt=0, description="how long a body may be silent on its way, and a head take, before the connection ends"
    )
    read_seconds: float = Field(
        300, gt=0, description="how long who reads an answer may take nothing of it before the connection ends"
    )
    head_bytes: int = Field(
        64 << 10, ge=1024, description="the longest head of a request: its address and all of its headers"
    )
    upload_seconds: float = Field(600, gt=0, description="when the database gives up on storing an upload")
    wait_seconds: float = Field(60, gt=0, description="the longest that a request may wait for its job")
    database_pool: int = Field(8, ge=1, description="database connections of one process at the most")
    statement_seconds: float = Field(15, gt=0, description="when the database gives up on a statement")
    metrics_port: int = Field(
        0, ge=0, le=65_535, description="where a worker answers /metrics for Prometheus; with 0, nowhere"
    )
    metrics_host: str = Field("127.0.0.1", description="the address it does that on; 0.0.0.0 for all that it has")
    cors_origins: Annotated[tuple[str, ...], NoDecode, BeforeValidator(words)] = Field(
        (), description="origins whose pages may call the API, separated by commas; none by default"
    )
    flower_url: str = Field("", description="where Flower answers, for the link in the console; empty for no link")
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR")
    log_format: Literal["text", "json"] = Field("text", description="text for people, or json: an object a line")


@cache
def settings() -> Settings:
    return Settings()
