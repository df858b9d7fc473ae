"""The Python client."""

import os
from types import TracebackType
from typing import Any
from uuid import uuid4

import httpx

from scoreline.errors import Refused, Unreachable
from scoreline.local import local_env

DEFAULT_URL = "http://127.0.0.1:8000"
LONGEST_WAIT = 60

Answer = dict[str, Any]


class Client:
    """Speaks to one service: the one named here, in SCORELINE_URL and SCORELINE_API_KEY, or run by `scoreline up`."""

    def __init__(self, url: str | None = None, api_key: str | None = None, timeout: float = 30) -> None:
        known = local_env() | {name: value for name, value in os.environ.items() if name.startswith("SCORELINE_")}
        self.url = (url or known.get("SCORELINE_URL") or DEFAULT_URL).rstrip("/")
        key = api_key or known.get("SCORELINE_API_KEY")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.http = httpx.Client(base_url=self.url, headers=headers, timeout=timeout)

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self.http.close()

    def predict(self, record: dict[str, Any], model: str = "housing", wait: float = 30) -> Answer:
        """The finished job of one record; or the job as it is after `wait` seconds."""
        headers = {"Prefer": f"wait={min(int(wait), LONGEST_WAIT)}", "Idempotency-Key": uuid4().hex}
        return self.ask("POST", f"/predict/{model}", json=record, headers=headers, timeout=wait + 30)

    def job(self, job: str, wait: float = 0) -> Answer:
        return self.ask("GET", f"/jobs/{job}", params={"wait": wait}, timeout=wait + 30)

    def jobs(self, **filters: Any) -> Answer:
        """A page of your jobs, newest first; `status`, `model`, `limit` and `after` choose which."""
        return self.ask("GET", "/jobs", params={name: value for name, value in filters.items() if value is not None})

    def queue(self) -> Answer:
        return self.ask("GET", "/queue")

    def health(self) -> Answer:
        """How each part of the service is; also when it is not well."""
        return self.ask("GET", "/health", fine=(200, 503))

    def ask(self, method: str, path: str, fine: tuple[int, ...] = (200, 201, 202), **request: Any) -> Answer:
        """The JSON of an answer; Refused when it is a problem, Unreachable when none comes."""
        try:
            response = self.http.request(method, path, **request)
        except httpx.TransportError as error:
            raise Unreachable(f"{self.url} does not answer ({error}); is the service running?") from error
        try:
            body: Answer = response.json()
        except ValueError:
            body = {
                "status": response.status_code,
                "detail": f"{self.url} answered {response.status_code} without JSON",
            }
            raise Refused(body) from None
        if response.status_code not in fine:
            raise Refused(body)
        return body
