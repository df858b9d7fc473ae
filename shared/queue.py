"""Hints and wake-ups over Redis. Losing or doubling any of them harms nothing: the rows are the truth."""

import logging
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import orjson
from celery import Celery
from kombu.entity import Exchange, Queue
from kombu.exceptions import OperationalError
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from shared.settings import settings
from shared.tables import Lane

TASK = "slices.score"
CHANNEL = "scoreline.jobs"
MOST_HINTS = 64
# After a hint that stood for n requests the next waits n times this long: a request alone has its hint at once, and
# under load a message (1 ms of CPU in all) and a `predict` (3 ms however few records) serve dozens.
PAUSE_SECONDS = 0.002
LONGEST_PAUSE_SECONDS = 0.03
AWAY = (OperationalError, RedisError, OSError)
ON_BOTH_SIDES: dict[str, Any] = {
    "accept_content": ["json"],
    "task_serializer": "json",
    "task_ignore_result": True,
    "task_send_sent_event": True,
    "task_queues": [Queue(lane, Exchange(lane), routing_key=lane) for lane in Lane],
    "broker_connection_retry_on_startup": True,
}

log = logging.getLogger(__name__)


@cache
def producer() -> Celery:
    """What sends hints; it gives up within a second, where the defaults would block for 6 s and more."""
    app = Celery("scoreline", broker=settings().redis_url, set_as_current=False)
    app.conf.update(
        ON_BOTH_SIDES,
        task_publish_retry=False,
        broker_transport_options={
            "socket_timeout": 1,
            "socket_connect_timeout": 1,
            "max_retries": 0,
            "interval_start": 0,
            "interval_step": 0.1,
            "interval_max": 0.1,
        },
    )
    return app


@cache
def redis() -> Redis:
    return Redis.from_url(
        settings().redis_url, socket_timeout=1, socket_connect_timeout=1, retry=Retry(NoBackoff(), 0), protocol=2
    )


def after_fork() -> None:
    """Connections of the parent are not this process's to use."""
    producer.cache_clear()
    redis.cache_clear()


def top_up(lane: Lane, cause: str, wanted: int = 1) -> int:
    """Sees to it that so many hints wait in the lane, and tells how many it sent; each finds all that was committed.

    The cause is for Flower alone, which shows it among the arguments: the task is given the lane and nothing else, so
    that workers of any release take it.
    """
    missing = min(wanted, MOST_HINTS) - int(redis().llen(lane))
    for _ in range(missing):
        producer().send_task(TASK, args=[lane], queue=lane, argsrepr=f"('{lane}', '{cause}')")
    return max(0, missing)


def announce(news: Iterable[Mapping[str, Any]]) -> None:
    """Tells whoever waits for a job what was committed; who is not reached looks for himself within a second."""
    written = orjson.dumps(list(news))
    try:
        redis().publish(CHANNEL, written)
    except AWAY as error:
        log.warning("wake-up not sent, waiting clients look once a second: %s", error)


@dataclass
class Wanted:
    """How many hints a lane is to have, on behalf of how many requests, and of whom the last of them was."""

    count: int = 0
    requests: int = 0
    last: str = ""

    @property
    def cause(self) -> str:
        others = self.requests - 1
        return f"{self.last} and {others} more" if others else self.last


class Hints:
    """Sends hints from a thread beside the requests, so that nobody waits for Redis."""

    def __init__(self) -> None:
        self.wanted: dict[Lane, Wanted] = {}
        self.changed = threading.Condition()
        self.open = True
        self.thread = threading.Thread(target=self.run, name="hints", daemon=True)
        self.thread.start()

    def send(self, lane: Lane, cause: str, count: int = 1, requests: int = 1) -> None:
        """Wants so many hints to wait in the lane, on behalf of so many requests, the last of which is the cause."""
        with self.changed:
            before = self.wanted.get(lane, Wanted())
            self.wanted[lane] = Wanted(max(count, before.count), before.requests + requests, cause)
            self.changed.notify()

    def run(self) -> None:
        pause = threading.Event()
        while True:
            wanted = self.next()
            if not wanted:
                return
            try:
                for lane, hints in wanted.items():
                    top_up(lane, hints.cause, hints.count)
            except Exception as error:  # this thread goes on, whatever happens
                log.warning("hint not sent, a relay will send it: %s", error)
            asked = sum(hints.requests for hints in wanted.values())
            pause.wait(min(asked * PAUSE_SECONDS, LONGEST_PAUSE_SECONDS))

    def next(self) -> dict[Lane, Wanted]:
        with self.changed:
            self.changed.wait_for(lambda: self.wanted or not self.open)
            wanted, self.wanted = self.wanted, {}
            return wanted

    def close(self) -> None:
        with self.changed:
            self.open = False
            self.changed.notify()
        self.thread.join(timeout=3)
