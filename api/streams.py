"""Event streams that are open, which are not to be more than this process can hold."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

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
