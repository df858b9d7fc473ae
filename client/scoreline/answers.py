"""What the service answers, read."""

from typing import TYPE_CHECKING, Any

from scoreline.errors import Refused

if TYPE_CHECKING:
    import httpx

Answer = dict[str, Any]
NO_CONTENT = 204


def json_of(response: "httpx.Response", fine: tuple[int, ...]) -> Answer:
    """The JSON of an answer, if it has any; Refused when it is a problem."""
    if response.status_code not in fine:
        raise problem_of(response)
    return {} if response.status_code == NO_CONTENT else body_of(response)


def problem_of(response: "httpx.Response") -> Refused:
    return Refused(body_of(response), retry_after(response))


def body_of(response: "httpx.Response") -> Answer:
    try:
        body = response.json()
    except ValueError:
        body = None
    if isinstance(body, dict):
        return body
    detail = f"{response.url} answered {response.status_code} without JSON; is that the service?"
    raise Refused({"status": response.status_code, "detail": detail}, retry_after(response))


def retry_after(response: "httpx.Response") -> float:
    """Seconds; 0 where none are named, also where it is a date."""
    named = response.headers.get("retry-after", "")
    return float(named) if named.isdecimal() else 0
