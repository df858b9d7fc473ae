"""What can go wrong, each with the status and the code under which a client meets it."""

from collections.abc import Sequence
from typing import Any


class ScorelineError(Exception):
    """Says what is wrong, where, and what to do; `status` and `code` are the HTTP side of it."""

    status = 500
    code = "error"
    title = "Something went wrong"
    retry_after: int | None = None

    def __init__(self, detail: str, errors: Sequence[dict[str, Any]] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = list(errors)


class Malformed(ScorelineError):
    status, code, title = 400, "malformed", "The request cannot be read"


class Unauthorized(ScorelineError):
    status, code, title = 401, "unauthorized", "A valid key is needed"


class Forbidden(ScorelineError):
    status, code, title = 403, "forbidden", "This key may not do that"


class NotFound(ScorelineError):
    status, code, title = 404, "not_found", "There is no such thing"


class MethodNotAllowed(ScorelineError):
    status, code, title = 405, "method_not_allowed", "This address does not do that"


class Conflict(ScorelineError):
    status, code, title = 409, "conflict", "That does not go together with what is there"


class InFlight(Conflict):
    code, title, retry_after = "in_flight", "The same request is being stored", 1


class NotChecked(Conflict):
    code, title, retry_after = "not_checked", "No worker has checked this version yet", 1


class NotServed(Conflict):
    code, title = "version_not_served", "This version cannot be served"


class PreconditionFailed(ScorelineError):
    status, code, title = 412, "precondition_failed", "It has changed since you read it"


class TooLarge(ScorelineError):
    status, code, title = 413, "too_large", "The body is too large"


class UnsupportedType(ScorelineError):
    status, code, title = 415, "unsupported_type", "This type of body is not understood"


class Invalid(ScorelineError):
    status, code, title = 422, "invalid", "The input is not valid"


class DatabaseAway(ScorelineError):
    """Nothing was changed; or, where `may_be_done` says so, nobody knows, since the reply was lost."""

    status, code, title, retry_after = 503, "database_away", "The database cannot be reached", 2
    may_be_done = False
