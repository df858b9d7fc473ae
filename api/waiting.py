"""Waiting for jobs to finish. Whoever waits holds a future: no thread, no connection."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import orjson
from redis.asyncio import Redis

from shared import jobs, queue
from shared.db import statement
from shared.errors import DatabaseAway
from shared.settings import settings

LOOK_SECONDS = 1.0

log = logging.getLogger(__name__)


class Waiting:
    """Who waits for which job; woken by what workers publish, and by one query a second for all of them."""

    def __init__(self) -> None:
        self.wanted: dict[UUID, set[asyncio.Event]] = {}
        self.tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self.tasks = [asyncio.create_task(self.listen()), asyncio.create_task(self.look())]

    async def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    @contextmanager
    def on(self, job: UUID) -> Iterator[asyncio.Event]:
        """An event that is set whenever the job may have changed; none is missed that comes after this is entered."""
        event = asyncio.Event()
        self.wanted.setdefault(job, set()).add(event)
        try:
            yield event
        finally:
            self.wanted[job].discard(event)
            if not self.wanted[job]:
                del self.wanted[job]

    def wake(self, job: UUID) -> None:
        for event in self.wanted.get(job, ()):
            event.set()

    async def listen(self) -> None:
        """Follows what workers publish, whenever Redis is there."""
        while True:
            try:
                await self.follow()
            except queue.AWAY as error:
                log.warning("no wake-ups from Redis, waiting clients are looked after once a second: %s", error)
                await asyncio.sleep(LOOK_SECONDS)

    async def follow(self) -> None:
        link = Redis.from_url(settings().redis_url, socket_connect_timeout=2, health_check_interval=5, protocol=2)
        async with link, link.pubsub(ignore_subscribe_messages=True) as channel:
            await channel.subscribe(queue.CHANNEL)
            async for message in channel.listen():
                for job in orjson.loads(message["data"]):
                    self.wake(UUID(job))

    async def look(self) -> None:
        """Finds what no wake-up told."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if self.wanted:
                for job in await asyncio.to_thread(finished_among, list(self.wanted)):
                    self.wake(job)


def finished_among(wanted: list[UUID]) -> list[UUID]:
    try:
        with statement() as session:
            return jobs.finished_among(session, wanted)
    except DatabaseAway:
        return []
