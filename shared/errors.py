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

    def body(self, request_id: str | None = None) -> dict[str, Any]:
        """As RFC 9457 writes it."""
        about = {"status": self.status, "detail": self.detail, "code": self.code, "request_id": request_id}
        errors = {"errors": self.errors} if self.errors else {}
        return {"type": f"urn:scoreline:{self.code}", "title": self.title, **about, **errors}


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


class Stalled(ScorelineError):
    status, code, title = 408, "stalled", "The body did not come"


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


class HeadTooLarge(ScorelineError):
    status, code, title = 431, "head_too_large", "The head of the request is too large"


class TooMuch(ScorelineError):
    """A limit is reached; nothing was written, and in so many seconds the same may be possible."""

    status, code, title = 429, "too_much", "That is more than is allowed now"

    def __init__(self, detail: str, retry_after: int) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class TooManyRequests(TooMuch):
    code, title = "too_many_requests", "Too many requests in this minute"


class TooManyRecords(TooMuch):
    code, title = "too_many_records", "Too many records on this day"


class TooManyWaiting(TooMuch):
    code, title = "too_many_waiting", "Too many of your records wait"


class QueueFull(TooMuch):
    code, title = "queue_full", "The queue is full"


class TooManyStreams(TooMuch):
    code, title = "too_many_streams", "Too many event streams are open"


class DatabaseAway(ScorelineError):
    """Nothing was changed; or, where `may_be_done` says so, nobody knows, since the reply was lost."""

    status, code, title, retry_after = 503, "database_away", "The database cannot be reached", 2
    may_be_done = False


class NoRoom(ScorelineError):
    status, code, title, retry_after = 503, "no_room", "There is no room for uploads", 60
