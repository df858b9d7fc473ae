"""Event streams that are open, which are not to be more than this process can hold."""

from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from contextlib import AbstractContextManager, aclosing, contextmanager
from typing import Any

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from shared.errors import TooManyStreams
from shared.settings import settings

RETRY_SECONDS = 10


class Streams:
    """Counts them, by user and in all."""

    def __init__(self) -> None:
        self.open: Counter[int] = Counter()
        self.total = 0

    def check(self, user: int) -> None:
        """Raises TooManyStreams if one more is one too many."""
        for open_, most, whose in (
            (self.open[user], settings().streams_per_user, "you have"),
            (self.total, settings().streams, "all users together have"),
        ):
            if most and open_ >= most:
                detail = f"{whose} {open_:,} event streams open, of at most {most:,} in a process"
                raise TooManyStreams(f"{detail}; close one, or read /jobs/ID?wait=10 instead", RETRY_SECONDS)

    @contextmanager
    def one(self, user: int) -> Iterator[None]:
        """One that is open for as long as this is entered."""
        self.open[user] += 1
        self.total += 1
        try:
            yield
        finally:
            self.total -= 1
            self.open[user] -= 1
            if not self.open[user]:
                del self.open[user]


class Held(StreamingResponse):
    """Holds its place from the moment that there was room for it: nothing else runs between that and the first step."""

    def __init__(self, content: AsyncGenerator[bytes], held: AbstractContextManager[None], **given: Any) -> None:
        super().__init__(content, **given)
        self.content, self.held = content, held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self.held:
            async with aclosing(self.content):
                await super().__call__(scope, receive, send)
