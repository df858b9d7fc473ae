"""What can go wrong between a program and the service.

ScorelineError
  x Unusable       what was given cannot be sent, read or written
  x Unreachable    no answer came
  x Refused        the service answered with a problem
  x Failed         the record of a job could not be scored
  x NotFinished    the time was over before the job was finished; also a TimeoutError
"""

from typing import Any

ERRORS_SAID = 10


class ScorelineError(Exception):
    """Anything this client raises."""


class Unusable(ScorelineError):
    """A file or a frame cannot be sent, read or written as it was given."""


class Unreachable(ScorelineError):
    """No answer came. `is_sent`: the request may have arrived; `was_there`: something has answered there before."""

    def __init__(self, detail: str, is_sent: bool = True, was_there: bool = True) -> None:
        self.is_sent, self.was_there = is_sent, was_there
        super().__init__(detail)


class Refused(ScorelineError):
    """The service answered with a problem; `retry_after` is after how many seconds it wants to be asked again.

    `errors` has every place that is wrong: `pointer` or `record`, `line` and `column`, with `code` and `detail`.
    """

    def __init__(self, problem: dict[str, Any], retry_after: float = 0) -> None:
        self.retry_after = retry_after
        self.status: int = problem.get("status", 0)
        self.code: str = problem.get("code", "error")
        self.detail: str = problem.get("detail") or problem.get("title", "the service refused the request")
        self.errors: list[dict[str, Any]] = problem.get("errors", [])
        self.request_id: str | None = problem.get("request_id")
        super().__init__(problem, retry_after)  # what it is made of again, where it comes from another process

    def __str__(self) -> str:
        return "\n".join([self.detail, *others(self.errors, self.detail)])


class Failed(ScorelineError):
    """The record of a job could not be scored, for the reason in `code` and `detail`."""

    def __init__(self, detail: str, code: str, job: str) -> None:
        self.detail, self.code, self.job = detail, code, job
        super().__init__(detail, code, job)

    def __str__(self) -> str:
        return self.detail


class NotFinished(ScorelineError, TimeoutError):
    """The service goes on with the job, which `client.job(error.job)` gives."""

    def __init__(self, job: str) -> None:
        self.job = job
        super().__init__(job)

    def __str__(self) -> str:
        return f"the job {self.job} is not finished in that time; the service goes on with it"


def others(errors: list[dict[str, Any]], said: str) -> list[str]:
    """A line for each place that is wrong, where the detail did not say it."""
    lines = [f"  {place(one)}{one['detail']}" for one in errors if one["detail"] != said]
    more = len(lines) - ERRORS_SAID
    return lines[:ERRORS_SAID] + ([f"  and {more:,} more"] if more > 0 else [])


def place(error: dict[str, Any]) -> str:
    """`line 7, column latitude: `; where there are no lines, the record; nothing for a record that came alone."""
    number = next((name for name in ("line", "record") if error.get(name) is not None), None)
    if number is None:
        return ""
    column = f", column {error['column']}" if error.get("column") else ""
    return f"{number} {error[number]}{column}: "
