"""What can go wrong between a program and the service."""

from typing import Any


class ScorelineError(Exception):
    """Anything this client raises."""


class Unusable(ScorelineError):
    """A file cannot be read or written under the name that was given."""


class Unreachable(ScorelineError):
    """No answer came."""


class Refused(ScorelineError):
    """The service answered with a problem; `retry_after` is after how many seconds it wants to be asked again."""

    def __init__(self, problem: dict[str, Any], retry_after: float = 0) -> None:
        self.retry_after = retry_after
        self.status: int = problem.get("status", 0)
        self.code: str = problem.get("code", "error")
        self.detail: str = problem.get("detail") or problem.get("title", "the service refused the request")
        self.errors: list[dict[str, Any]] = problem.get("errors", [])
        super().__init__(self.detail)
