"""A job, as it was when it was last asked for."""

from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from scoreline import jobs
from scoreline.answers import Answer
from scoreline.link import blocking, iterating
from scoreline.output import Output
from scoreline.service import Service

Kind = TypeVar("Kind", bound="AnyJob")


class Records(NamedTuple):
    total: int
    succeeded: int
    failed: int


class AnyJob:
    """What is known of a job; `answer` is all of it, as the service sent it."""

    def __init__(self, service: Service[Any], answer: Answer) -> None:
        self.service, self.answer = service, answer

    @property
    def id(self) -> str:
        return str(self.answer["id"])

    @property
    def name(self) -> str | None:
        found: str | None = self.answer["name"]
        return found

    @property
    def metadata(self) -> dict[str, str]:
        return dict(self.answer["metadata"])

    @property
    def status(self) -> str:
        """pending, running, succeeded, failed, canceled or expired."""
        return str(self.answer["status"])

    @property
    def model(self) -> str:
        """The version that scores it, such as housing:3."""
        return f"{self.answer['model']['name']}:{self.answer['model']['version']}"

    @property
    def records(self) -> Records:
        return Records(**self.answer["records"])

    @property
    def settled(self) -> int:
        """How many records have a result."""
        return self.records.succeeded + self.records.failed

    @property
    def progress(self) -> float:
        return float(self.answer["progress"])

    @property
    def input(self) -> dict[str, Any] | None:
        """The record of a job of one."""
        found: dict[str, Any] | None = self.answer["input"]
        return found

    @property
    def output(self) -> Output | None:
        """The output of a job of one record."""
        return Output(self.answer["output"]) if self.answer["output"] else None

    @property
    def error(self) -> dict[str, str] | None:
        """`code` and `detail` of what went wrong."""
        found: dict[str, str] | None = self.answer["error"]
        return found

    @property
    def warnings(self) -> dict[str, Any]:
        return dict(self.answer["warnings"])

    @property
    def ahead(self) -> int | None:
        """How many records are to be scored before it."""
        found: int | None = self.answer["ahead"]
        return found

    @property
    def eta_seconds(self) -> float | None:
        found: float | None = self.answer["eta_seconds"]
        return found

    @property
    def created_at(self) -> datetime:
        return datetime.fromisoformat(self.answer["created_at"])

    @property
    def started_at(self) -> datetime | None:
        return moment(self.answer["started_at"])

    @property
    def finished_at(self) -> datetime | None:
        return moment(self.answer["finished_at"])

    @property
    def is_finished(self) -> bool:
        return self.answer["finished_at"] is not None

    def __repr__(self) -> str:
        counts = f"{self.settled:,} of {self.records.total:,} records"
        failed = f", {self.records.failed:,} failed" if self.records.failed else ""
        return f"<{type(self).__name__} {self.id} {self.status}, {self.model}, {counts}{failed}>"


class Job(AnyJob):
    refresh = blocking(jobs.refresh)
    wait = blocking(jobs.wait)
    results = blocking(jobs.results)
    stream = iterating(jobs.stream)
    errors = blocking(jobs.errors)
    write_errors = blocking(jobs.write_errors)
    cancel = blocking(jobs.cancel)
    retry = blocking(jobs.retry)
    delete = blocking(jobs.delete)


class AsyncJob(AnyJob):
    refresh = jobs.refresh
    wait = jobs.wait
    results = jobs.results
    stream = jobs.stream
    errors = jobs.errors
    write_errors = jobs.write_errors
    cancel = jobs.cancel
    retry = jobs.retry
    delete = jobs.delete


def moment(at: str | None) -> datetime | None:
    return datetime.fromisoformat(at) if at else None
