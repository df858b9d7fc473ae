"""What each user has used in the present minute or day, counted here and settled with other processes over Redis."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field

from shared.queue import redis

MOST_SETTLED = 1_000  # users at a time: 1 ms of Redis, which does nothing else meanwhile
# Adds what this process counted, and tells what all have counted together.
ADD = """
local totals = {}
for place = 2, #ARGV, 2 do
    totals[#totals + 1] = redis.call('HINCRBY', KEYS[1], ARGV[place], ARGV[place + 1])
end
redis.call('EXPIRE', KEYS[1], ARGV[1])
return totals
"""


@dataclass
class Window:
    """So many of something for each user in each span of so many seconds; with `most` 0, any number."""

    name: str
    most: int
    seconds: int
    number: int = 0
    used: Counter[int] = field(default_factory=Counter)
    fresh: Counter[int] = field(default_factory=Counter)  # the part of it that Redis does not know yet

    def turn(self) -> None:
        """Begins anew when the next span has begun."""
        if (number := int(time.time() // self.seconds)) != self.number:
            self.number, self.used, self.fresh = number, Counter(), Counter()

    @property
    def ends_in(self) -> int:
        """Whole seconds, at least one."""
        return self.seconds - int(time.time() % self.seconds)

    @property
    def policy(self) -> str:
        return f'"{self.name}";q={self.most};w={self.seconds}'

    def left(self, user: int) -> str:
        return f'"{self.name}";r={max(0, self.most - self.used[user])};t={self.ends_in}'

    def has_room(self, user: int, count: int) -> bool:
        self.turn()
        return not self.most or self.used[user] + count <= self.most

    def add(self, user: int, count: int) -> None:
        self.turn()
        if self.most:
            self.used[user] += count
            self.fresh[user] += count

    async def settle(self) -> None:
        """Tells Redis what was counted here, and learns what all have counted. RedisError leaves it as it was."""
        self.turn()
        number, told = self.number, dict(self.fresh.most_common(MOST_SETTLED))
        if not told:
            return
        totals = await asyncio.to_thread(add, f"scoreline.{self.name}.{number}", 2 * self.seconds, told)
        if number == self.number:
            for user, total in zip(told, totals, strict=True):
                self.fresh[user] -= told[user]
                self.used[user] = total + self.fresh[user]
            self.fresh = +self.fresh


def add(key: str, seconds: int, counts: dict[int, int]) -> list[int]:
    words = [word for pair in counts.items() for word in pair]
    totals: list[int] = redis().eval(ADD, 1, key, seconds, *words)
    return totals
