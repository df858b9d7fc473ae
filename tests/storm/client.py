"""A client that does what the documents ask of one: it keeps its key and sends the same again until it is answered."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from threading import Event, Lock
from types import MappingProxyType

import httpx

from cli.servers import HOST
from tests.storm.ledger import Ledger, Promise
from tests.storm.records import record, upload

PAUSE_SECONDS = 0.2
GIVE_UP_SECONDS = 120
NO_HEADERS: Mapping[str, str] = MappingProxyType({})


@dataclass
class Seen:
    """What all clients of a storm met."""

    lock: Lock = field(default_factory=Lock)
    answers: list[tuple[float, float, int]] = field(default_factory=list)  # begun, seconds, status
    complaints: list[str] = field(default_factory=list)
    broken: int = 0
    replayed: int = 0

    def answer(self, began: float, status: int) -> None:
        with self.lock:
            self.answers.append((began, time.monotonic() - began, status))

    def complain(self, words: str) -> None:
        with self.lock:
            self.complaints.append(words)

    def slowest_hundredth(self, begin: float, end: float) -> float | None:
        """The p99 of requests begun between these moments; None if there were too few to tell."""
        with self.lock:
            seconds = sorted(took for began, took, _ in self.answers if begin <= began <= end)
        return seconds[int(len(seconds) * 0.99)] if len(seconds) >= 20 else None


class Client:
    """One client, with a seed of its own; it may talk to any of the API processes."""

    def __init__(self, ports: list[int], key: str, ledger: Ledger, seen: Seen, chance: Random) -> None:
        self.ports, self.ledger, self.seen, self.chance = ports, ledger, seen, chance
        self.http = httpx.Client(headers={"X-API-Key": key}, timeout=30, verify=False)
        self.stopped = Event()

    def single(self, model: str, keyed: bool, wait: bool = False, income: float | None = None) -> str | None:
        """The id of the job; None when nothing was promised."""
        seed, key = self.chance.getrandbits(60), self.new_key() if keyed else None
        headers = {"Prefer": "wait=5"} if wait else {}
        body = json.dumps(record(seed, income)).encode()
        job = self.send(f"/predict/{model}", body, "application/json", key, headers)
        return self.promised(job, Promise(job or "", "single", model, seed, 1, key, income))

    def bulk(self, model: str, size: int, keyed: bool, income: float | None = None) -> str | None:
        seed, key = self.chance.getrandbits(60), self.new_key() if keyed else None
        made = upload(seed, size, income)
        job = self.send(f"/jobs?model={model}", made.body, made.kind, key)
        return self.promised(job, Promise(job or "", "bulk", model, seed, size, key, income))

    def new_key(self) -> str:
        return f"storm-{self.chance.getrandbits(60):x}"

    def promised(self, job: str | None, promise: Promise) -> str | None:
        if job:
            self.ledger.note(promise)
        return job

    def send(
        self, path: str, body: bytes, kind: str, key: str | None, headers: Mapping[str, str] = NO_HEADERS
    ) -> str | None:
        """With a key until it is answered; without one once, since a second time might be a second job."""
        if key:
            path += f"{'&' if '?' in path else '?'}meta.key={key}"
        given = {**headers, "Content-Type": kind, **({"Idempotency-Key": key} if key else {})}
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while True:
            answer = self.ask(lambda port: self.http.post(f"http://{HOST}:{port}{path}", content=body, headers=given))
            if answer is not None:
                self.judge(path, answer, timed=path.startswith("/predict") and not headers)
                if answer.status_code in (200, 202):
                    return str(answer.json()["id"])
            if not key:
                return None
            if time.monotonic() > deadline:
                self.seen.complain(f"{path} with a key was not accepted within {GIVE_UP_SECONDS} s")
                return None
            self.stopped.wait(PAUSE_SECONDS)

    def ask(self, call: Callable[[int], httpx.Response]) -> httpx.Response | None:
        """None when the connection broke, or nobody took it."""
        try:
            return call(self.chance.choice(self.ports))
        except httpx.TransportError:
            with self.seen.lock:
                self.seen.broken += 1
            return None

    def judge(self, path: str, answer: httpx.Response, timed: bool) -> None:
        """No answer may be an error but the two that ask to come again: 503, and 409 while the same is being stored."""
        status = answer.status_code
        if timed:
            self.seen.answer(time.monotonic() - answer.elapsed.total_seconds(), status)
        if answer.headers.get("idempotent-replayed"):
            with self.seen.lock:
                self.seen.replayed += 1
        if status not in (200, 202, 503, 409):
            self.seen.complain(f"POST {path} was answered with {status}: {answer.text[:200]}")
