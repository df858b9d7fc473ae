"""What each user has used in the present minute or day, counted here and settled with other processes over Redis."""

import asyncio
import time
from dataclasses import dataclass, field
from itertools import islice

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
    ends_at: float = 0.0
    used: dict[int, int] = field(default_factory=dict)
    fresh: dict[int, int] = field(default_factory=dict)  # the part of it that Redis does not know yet

    def turn(self, now: float) -> None:
        """Begins anew when the next span has begun."""
        if now >= self.ends_at:
            self.ends_at = (now // self.seconds + 1) * self.seconds
            self.used, self.fresh = {}, {}

    def ends_in(self) -> int:
        """Whole seconds, at least one."""
        return max(1, int(self.ends_at - time.time()) + 1)

    @property
    def policy(self) -> str:
        return f'"{self.name}";q={self.most};w={self.seconds}'

    @property
    def template(self) -> str:
        """Of what is left and of the seconds until then."""
        return f'"{self.name}";r=%d;t=%d'

    def left(self, user: int, now: float) -> tuple[int, float]:
        return max(0, self.most - self.used.get(user, 0)), self.ends_at - now + 1

    def has_room(self, user: int, count: int) -> bool:
        return not self.most or self.used.get(user, 0) + count <= self.most

    def add(self, user: int, count: int) -> None:
        """Counts; with 0, only asks what others counted."""
        if self.most:
            self.used[user] = self.used.get(user, 0) + count
            self.fresh[user] = self.fresh.get(user, 0) + count

    async def settle(self) -> None:
        """Tells Redis what was counted here, and learns what all have counted. RedisError leaves it as it was."""
        self.turn(time.time())
        ends_at, told = self.ends_at, dict(islice(self.fresh.items(), MOST_SETTLED))
        if not told:
            return
        key = f"scoreline.limits.{self.name}.{ends_at:.0f}"
        totals = await asyncio.to_thread(add, key, 2 * self.seconds, told)
        if ends_at == self.ends_at:
            for user, total in zip(told, totals, strict=True):
                since = self.fresh.pop(user) - told[user]
                self.used[user] = total + since
                if since:
                    self.fresh[user] = since


def add(key: str, seconds: int, counts: dict[int, int]) -> list[int]:
    words = [word for pair in counts.items() for word in pair]
    totals: list[int] = redis().eval(ADD, 1, key, seconds, *words)
    return totals
