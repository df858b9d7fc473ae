"""How many records wait: what the database has, and what was stored since it was asked."""

import time
from collections import Counter
from math import inf
from threading import Lock

from shared.db import statement
from shared.health import waiting_by_user

LOOK_SECONDS = 1.0
# The database is to spend no more than a tenth of its time on this, however many singles wait.
REST = 10


class Backlog:
    """By user and in all. What was stored while the database was asked may count twice, until the next time."""

    def __init__(self) -> None:
        self.found: Counter[int] = Counter()
        self.since: Counter[int] = Counter()
        self.total = 0
        self.asked_at = self.next_at = -inf
        self.rest = 0.0
        self.lock = Lock()

    @property
    def age(self) -> float:
        return time.monotonic() - self.asked_at

    def is_old(self) -> bool:
        return time.monotonic() > self.next_at

    def is_sure(self, user: int) -> bool:
        """Whether asking now would tell more, for what it costs."""
        return self.age < self.rest and not self.since[user]

    def of(self, user: int) -> int:
        return self.found.get(user, 0) + self.since.get(user, 0)

    def add(self, user: int, count: int) -> None:
        with self.lock:
            self.since[user] += count
            self.total += count

    def look(self) -> None:
        """Asks the database."""
        with self.lock:
            self.found, self.since = self.found + self.since, Counter()
            self.asked_at = time.monotonic()
            self.next_at = self.asked_at + LOOK_SECONDS
        with statement() as session:
            found = Counter(waiting_by_user(session))
        with self.lock:
            self.found, self.total = found, found.total() + self.since.total()
        self.rest = REST * self.age
        self.next_at = self.asked_at + max(LOOK_SECONDS, self.rest)
