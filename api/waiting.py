"""Waiting for jobs to finish. Whoever waits holds a future: no thread, no connection."""

import asyncio
import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

import orjson
from redis.asyncio import Redis

from shared import jobs, queue
from shared.db import statement
from shared.lookup import JobRow
from shared.settings import settings

LOOK_SECONDS = 1.0
QUIET_SECONDS = 5.0  # after which Redis is asked whether it is there

log = logging.getLogger(__name__)


News = dict[str, Any]
Loop = asyncio.AbstractEventLoop


class Watch:
    """Waits for one job. What it is told is what was committed; a wake-up without news means: look for yourself."""

    def __init__(self) -> None:
        self.event = asyncio.Event()
        self.news: News | None = None

    def tell(self, news: News | None) -> None:
        self.news = news
        self.event.set()

    async def next(self) -> News | None:
        await self.event.wait()
        self.event.clear()
        return self.news


def updated(row: JobRow, news: News | None) -> JobRow | None:
    """The row with the news in it; None if it has to be read, as what is told lacks its results or is old."""
    if news is None or news["revision"] <= row.revision or (row.total == 1 and "outputs" not in news):
        return None
    times = {name: news[name] and datetime.fromisoformat(news[name]) for name in ("started_at", "finished_at")}
    return replace(row, **{**news, **times, "id": row.id})


class Waiting:
    """Who waits for which job; woken by what workers publish, and by one query a second for all of them."""

    def __init__(self) -> None:
        self.wanted: dict[UUID, set[Watch]] = {}
        self.tasks: list[asyncio.Task[None]] = []
        self.is_over = False

    def start(self) -> None:
        when_stopped(self.end)
        self.tasks = [asyncio.create_task(self.listen()), asyncio.create_task(self.look())]

    async def stop(self) -> None:
        while left := [task for task in self.tasks if not task.done()]:
            for task in left:  # more than once: the Redis client loses one that comes when its patience ends, too
                task.cancel()
            await asyncio.wait(left, timeout=1)

    @contextmanager
    def on(self, job: UUID) -> Iterator[Watch]:
        """A watch that is told whenever the job may have changed, from the moment that this is entered."""
        watch = Watch()
        self.wanted.setdefault(job, set()).add(watch)
        try:
            yield watch
        finally:
            self.wanted[job].discard(watch)
            if not self.wanted[job]:
                del self.wanted[job]

    def end(self) -> None:
        """Lets everybody go with what is known: a server that stops refuses others until the last one has left."""
        self.is_over = True
        for job in list(self.wanted):
            self.tell(job)

    def tell(self, job: UUID, news: News | None = None) -> None:
        for watch in self.wanted.get(job, ()):
            watch.tell(news)

    async def listen(self) -> None:
        """Follows what workers publish, whenever Redis is there."""
        while True:
            try:
                await self.follow()
            except Exception as error:  # whatever it is, those who wait are looked after below
                log.warning("no wake-ups from Redis, waiting clients are looked after once a second: %s", error)
                await asyncio.sleep(LOOK_SECONDS)

    async def follow(self) -> None:
        """Until Redis is gone, or says nothing for so long that it may be."""
        link = Redis.from_url(settings().redis_url, socket_connect_timeout=2, socket_timeout=QUIET_SECONDS, protocol=2)
        async with link, link.pubsub(ignore_subscribe_messages=True) as channel:
            await channel.subscribe(queue.CHANNEL)
            asked = False
            while True:
                message = await channel.get_message(timeout=QUIET_SECONDS)
                if message is None:
                    if asked:
                        raise TimeoutError(f"nothing was heard for {2 * QUIET_SECONDS:.0f} s")
                    await channel.ping()
                elif message["type"] == "message":
                    for news in orjson.loads(message["data"]):
                        self.tell(UUID(news["id"]), news)
                asked = message is None

    async def look(self) -> None:
        """Finds what no wake-up told."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if self.wanted:
                for job in await asyncio.to_thread(finished_among, list(self.wanted)):
                    self.tell(job)


def when_stopped(call: Callable[[], object]) -> None:
    """Has `call` run in this loop when the process is asked to end, beside what the server does then."""
    if threading.current_thread() is not threading.main_thread():
        return  # inside somebody else's program, whose signals are not ours
    loop = asyncio.get_running_loop()
    for number in signal.SIGINT, signal.SIGTERM:
        if callable(before := signal.getsignal(number)):
            signal.signal(number, partial(heed, loop, call, before))


def heed(loop: Loop, call: Callable[[], object], before: Callable[..., object], number: int, frame: object) -> None:
    loop.call_soon_threadsafe(call)
    before(number, frame)


def finished_among(wanted: list[UUID]) -> list[UUID]:
    try:
        with statement() as session:
            return jobs.finished_among(session, wanted)
    except Exception as error:
        log.warning("looking for finished jobs: %s", error)
        return []
