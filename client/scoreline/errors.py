"""What can go wrong between a program and the service."""

from typing import Any


class ScorelineError(Exception):
    """Anything this client raises."""


class Unreachable(ScorelineError):
    """No answer came."""


class Refused(ScorelineError):
    """The service answered with a problem."""

    def __init__(self, problem: dict[str, Any]) -> None:
        self.status: int = problem.get("status", 0)
        self.code: str = problem.get("code", "error")
        self.detail: str = problem.get("detail") or problem.get("title", "the service refused the request")
        self.errors: list[dict[str, Any]] = problem.get("errors", [])
        super().__init__(self.detail)
