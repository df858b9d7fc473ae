"""Who may have records of a download in memory: whoever never reads would keep them there."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

OF_A_USER, AT_ONCE = 8, 32  # each with up to 25 MB


class Downloads:
    """Has more than that wait for one another, whose readers notice nothing but that."""

    def __init__(self) -> None:
        self.all = asyncio.Semaphore(AT_ONCE)
        self.users: WeakValueDictionary[int, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def place(self, user: int) -> AsyncIterator[None]:
        """A turn, which is over when what was read is sent."""
        own = self.users.setdefault(user, asyncio.Semaphore(OF_A_USER))
        async with own, self.all:
            yield
