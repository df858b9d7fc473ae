"""What a user may ask for, and all together. That Redis is away is no reason to refuse anybody."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Sequence

from api.backlog import Backlog
from api.together import Together
from api.windows import Window
from shared.errors import DatabaseAway, QueueFull, TooLarge, TooManyRecords, TooManyRequests, TooManyWaiting
from shared.settings import settings

SETTLE_SECONDS = 0.25
AWAY_SECONDS = 3.0  # after a failure Redis is left alone for so long
RETRY_SECONDS = 5  # until somebody who found the queue full may come again

log = logging.getLogger(__name__)


class Limits:
    """Counted in this process, and a few times a second settled with the others; so nobody waits for Redis."""

    def __init__(self) -> None:
        most = settings()
        self.requests = Window("requests", most.requests_per_minute, 60)
        self.records = Window("records", most.records_per_day, 24 * 3600)
        self.windows = [window for window in (self.requests, self.records) if window.most]
        self.policy = ", ".join(window.policy for window in self.windows).encode()
        self.template = ", ".join(window.template for window in self.windows).encode()
        self.waiting, self.queue = most.records_waiting, most.queue_records
        self.largest = min(filter(None, (self.records.most, self.waiting, self.queue)), default=0)
        self.backlog = Backlog()
        self.look: Together[None, None] = Together(self.looked)
        self.arriving: Counter[int] = Counter()  # single records that are being stored
        self.settling: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.settling = asyncio.create_task(self.settle_for_ever())

    async def stop(self) -> None:
        if self.settling is not None:
            self.settling.cancel()
        await self.settle()
        self.look.close()

    async def settle_for_ever(self) -> None:
        while True:
            await asyncio.sleep(SETTLE_SECONDS if await self.settle() else AWAY_SECONDS)

    async def settle(self) -> bool:
        """Whether that could be done. While Redis is away each process counts for itself."""
        try:
            for window in self.windows:
                await window.settle()
        except Exception as error:  # whatever it is, the next time comes
            log.warning("limits are not shared with other processes for now: %s", error)
            return False
        return True

    def headers(self, user: int) -> list[tuple[bytes, bytes]]:
        """The quotas and what is left of them, as draft-ietf-httpapi-ratelimit-headers-10 writes it."""
        if not self.windows:
            return []
        now = time.time()
        left = [part for window in self.windows for part in window.left(user, now)]
        return [(b"ratelimit-policy", self.policy), (b"ratelimit", self.template % tuple(left))]

    def request(self, user: int) -> None:
        """Counts a request, unless there are too many in this minute."""
        now = time.time()
        for window in self.windows:
            window.turn(now)
            window.add(user, 0)
        if not self.requests.has_room(user, 1):
            seconds = self.requests.ends_in()
            detail = f"all of the {self.requests.most:,} requests that you may send in a minute are sent"
            raise TooManyRequests(f"{detail}; the next minute begins in {seconds} s", seconds)
        self.requests.add(user, 1)

    def count(self, user: int, records: int) -> None:
        """Counts what was stored."""
        self.records.add(user, records)
        self.backlog.add(user, records)

    async def admit(self, user: int, records: int = 1) -> None:
        """Raises what `check` does, by figures of now."""
        if self.backlog.is_old() and self.look.running is None:
            self.look.soon(None)
        try:
            self.check(user, records)
        except (TooManyWaiting, QueueFull):
            if self.backlog.is_sure(user):
                raise
            await self.look(None)
            self.check(user, records)

    def check_in_thread(self, user: int, records: int) -> None:
        """The same for a thread that may wait."""
        try:
            self.check(user, records)
        except (TooManyWaiting, QueueFull):
            if self.backlog.is_sure(user):
                raise
            self.looked([None])
            self.check(user, records)

    def looked(self, asked: Sequence[None]) -> Sequence[None]:
        try:
            self.backlog.look()
        except DatabaseAway as error:
            log.warning("how many records wait is not known: %s", error)
        return asked

    def check(self, user: int, records: int) -> None:
        """Raises what forbids the user to submit so many records now."""
        if self.largest and records > self.largest:
            raise TooLarge(f"at most {self.largest:,} records may come at once; split the file")
        coming = self.arriving[user] + records
        if not self.records.has_room(user, coming):
            used, seconds = self.records.used.get(user, 0), self.records.ends_in()
            detail = f"{used:,} of the {self.records.most:,} records that you may submit in a day are used"
            raise TooManyRecords(f"{detail}; the next day begins in {seconds:,} s", seconds)
        if self.waiting and self.backlog.of(user) + coming > self.waiting:
            detail = f"{self.backlog.of(user):,} of your records wait, of at most {self.waiting:,}"
            raise TooManyWaiting(f"{detail}; come again when some are scored, or cancel a job", RETRY_SECONDS)
        if self.queue and self.backlog.total + coming > self.queue:
            detail = f"{self.backlog.total:,} records wait in all, of at most {self.queue:,}"
            raise QueueFull(f"{detail}; come again when some are scored", RETRY_SECONDS)
