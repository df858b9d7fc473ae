"""The Python client."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO
from urllib.parse import quote
from uuid import uuid4

import httpx

from scoreline.answers import Answer, json_of, problem_of
from scoreline.errors import Refused, Unreachable
from scoreline.formats import result_format
from scoreline.local import local_env
from scoreline.outputs import Output, output
from scoreline.patience import may_pass, patiently
from scoreline.uploads import Told, Upload

DEFAULT_URL = "http://127.0.0.1:8000"
LONGEST_WAIT = 60
STORE_SECONDS = 600  # 10 million records are stored in half a minute, after the last byte has come
NOT_THERE = 404
SILENT_SECONDS = 120  # between two slices of a job that is followed; then it is asked for again


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

    def models(self, name: str | None = None) -> Answer:
        """The versions of all models, or of one, each with its metrics and the aliases that point at it."""
        return self.ask("GET", f"/models/{quote(name, safe='')}" if name else "/models")

    def alias(self, model: str, alias: str) -> Answer | None:
        """Where an alias points, with the `revision` that counts its moves; None if there is none."""
        try:
            return self.ask("GET", f"/models/{quote(model, safe='')}/aliases/{quote(alias, safe='')}")
        except Refused as error:
            if error.status == NOT_THERE:
                return None
            raise

    def promote(self, ref: str, alias: str = "champion", revision: int | None = None) -> Answer:
        """Has the alias mean the version that `ref` names, such as housing:3, for every request from now on.

        With `revision` only if it was not moved since; 0 is for an alias that is not there yet. A version that was
        registered this moment is waited for, until a worker has checked it.
        """
        model, _, number = ref.partition(":")
        if not number.isdecimal():
            raise Refused({"detail": f'"{ref}" names no version; write it like housing:3'})
        condition = {"If-None-Match": "*"} if revision == 0 else {"If-Match": f'"{revision}"'}
        path = f"/models/{quote(model, safe='')}/aliases/{quote(alias, safe='')}"
        headers = {} if revision is None else condition
        return patiently(lambda: self.ask("PUT", path, json={"version": int(number)}, headers=headers))

    def me(self) -> Answer:
        """The user whose key this is."""
        return self.ask("GET", "/users/me")

    def users(self, **filters: Any) -> Answer:
        """A page of the users, oldest first; `username`, `key` (a prefix), `limit` and `after` choose which."""
        return self.ask("GET", "/users", params={name: value for name, value in filters.items() if value is not None})

    def user(self, username: str) -> Answer:
        """The user of that name; others than yourself are for administrators."""
        me = self.me()
        if me["username"].lower() == username.lower():
            return me
        found: list[Answer] = self.users(username=username)["items"]
        if not found:
            raise missing(f'there is no user "{username}"; scoreline users lists them')
        return found[0]

    def add_user(self, email: str, username: str, is_admin: bool = False) -> Answer:
        """A new user, who can do nothing without a key."""
        return self.ask("POST", "/users", json={"email": email, "username": username, "is_admin": is_admin})

    def keys(self, username: str | None = None) -> Answer:
        """Your keys, or those of the user named, newest first, never with the secret."""
        return self.ask("GET", f"/users/{self.user(username)['id'] if username else 'me'}/keys")

    def add_key(self, username: str, name: str) -> Answer:
        """A new key of the user; its `key` is shown this once."""
        return self.ask("POST", f"/users/{self.user(username)['id']}/keys", json={"name": name})

    def revoke(self, prefix: str) -> Answer:
        """The user whose key this was; it is closed within a second. One of others is for administrators."""
        me = self.me()
        found: list[Answer] = self.users(key=prefix)["items"] if me["is_admin"] else [me]
        if not found:
            raise missing(f'there is no key "{prefix}"; scoreline keys --user USERNAME lists them')
        self.ask("DELETE", f"/users/{found[0]['id']}/keys/{prefix}")
        return found[0]

    def queue(self) -> Answer:
        return self.ask("GET", "/queue")

    def health(self) -> Answer:
        """How each part of the service is; also when it is not well."""
        return self.ask("GET", "/health", fine=(200, 503))

    def submit(
        self,
        source: str | Path,
        model: str = "housing",
        name: str | None = None,
        on_error: str = "quarantine",
        metadata: dict[str, str] | None = None,
        progress: Told | None = None,
    ) -> Answer:
        """The job of a file's records: CSV, NDJSON, JSON or Parquet as its name says, also packed as `.gz`.

        Sent as it is read; again under the same key where the connection breaks, so that it is one job all the same.
        `progress` is called with the bytes sent so far and the size of the file.
        """
        upload = Upload(Path(source), progress)
        # So that a wrong key or model is known before a gigabyte is sent, and nobody waits for a service that is away.
        self.ask("GET", f"/models/{quote(model, safe='@:')}/schema")
        query = {"model": model, "name": name, "on_error": on_error}
        query |= {f"meta.{key}": value for key, value in (metadata or {}).items()}
        request: dict[str, Any] = {
            "params": {key: value for key, value in query.items() if value is not None},
            "headers": upload.headers | {"Idempotency-Key": uuid4().hex},
            "timeout": httpx.Timeout(STORE_SECONDS, connect=30),
        }
        return patiently(lambda: self.ask("POST", "/jobs", content=upload.chunks(), **request))

    def finished(self, job: str) -> Answer:
        """The job, once it is finished, however long that takes."""
        while not (found := patiently(lambda: self.job(job, wait=LONGEST_WAIT)))["finished_at"]:
            pass
        return found

    def cancel(self, job: str) -> Answer:
        """The job, of which nothing more is scored, except what is being scored already."""
        return self.ask("POST", f"/jobs/{job}/cancel")

    def retry(self, job: str) -> Answer:
        """The job, of which what failed, was canceled or expired is scored again."""
        return self.ask("POST", f"/jobs/{job}/retry")

    def results(
        self,
        job: str,
        out: str | Path | BinaryIO | Output,
        form: str | None = None,
        errors_only: bool = False,
        follow: bool = False,
    ) -> None:
        """Writes the settled records into a file as they come; all of them, if it is to `follow` until the job ends.

        A path is packed if it ends in `.gz`, and replaced only when everything has come. `form` is csv, ndjson, json or
        parquet: what the name of the file says, else csv.
        """
        if form is None:
            form = result_format(Path(out)) if isinstance(out, str | Path) else "csv"
        path, query = f"/jobs/{job}/{'errors' if errors_only else 'results'}", {"format": form}
        with output(out) as sink:
            if not follow or not self.followed(job, query, sink):
                patiently(lambda: self.fetch(path, query, sink))

    def followed(self, job: str, query: dict[str, str], sink: Output) -> bool:
        """Whether all came while it was scored; if not, the job is finished now."""
        try:
            self.fetch(f"/jobs/{job}/results", query | {"follow": "true"}, sink)
        except (Refused, Unreachable) as error:
            if not may_pass(error):
                raise
            sink.begin()
            self.finished(job)
            return False
        return True

    def fetch(self, path: str, query: dict[str, str], sink: Output) -> None:
        sink.begin()
        with self.stream(path, query) as response:
            for data in response.iter_bytes():
                sink.write(data)
        sink.finish()

    def errors(self, job: str, most: int) -> list[Answer]:
        """The first records that failed: `record`, `line`, `column`, `code`, `detail` and `raw` of each."""

        def first() -> list[Answer]:
            with self.stream(f"/jobs/{job}/errors", {"format": "ndjson"}) as response:
                return [json.loads(line) for line in islice(response.iter_lines(), most)]

        return patiently(first)

    @contextmanager
    def stream(self, path: str, query: dict[str, str]) -> Iterator[httpx.Response]:
        """An answer that is read as it comes."""
        timeout = httpx.Timeout(SILENT_SECONDS, connect=30)
        with self.reaching(), self.http.stream("GET", path, params=query, timeout=timeout) as response:
            if response.status_code != 200:
                response.read()
                raise problem_of(response)
            yield response

    def ask(self, method: str, path: str, fine: tuple[int, ...] = (200, 201, 202, 204), **request: Any) -> Answer:
        """The JSON of an answer; Refused when it is a problem, Unreachable when none comes."""
        with self.reaching():
            return json_of(self.http.request(method, path, **request), fine)

    @contextmanager
    def reaching(self) -> Iterator[None]:
        try:
            yield
        except httpx.TransportError as error:
            raise Unreachable(f"{self.url} does not answer ({error}); is the service running?") from error


def missing(detail: str) -> Refused:
    return Refused({"status": NOT_THERE, "code": "not_found", "detail": detail})
