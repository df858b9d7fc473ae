"""Holding on to what is being scored, from a thread beside the scoring."""

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache

from shared import jobs
from shared.db import statement
from shared.jobs import Claimed
from shared.settings import settings
from worker import slots

log = logging.getLogger(__name__)


class Keeper:
    """Renews the lease of what this process holds three times in each lease; one thread a process.

    Not for ever: a slice that takes longer than `SLICE_SECONDS` hangs, and is let go of however alive this thread is.
    """

    def __init__(self) -> None:
        self.held: Sequence[Claimed] = ()
        threading.Thread(target=self.run, name="lease", daemon=True).start()

    def run(self) -> None:
        """Looks at the clock and not at each claim, which would cost every single a change of threads."""
        clock, lease = threading.Event(), settings().lease_seconds
        pause = lease / 3
        while not clock.wait(pause):
            pause = lease / 3
            if (held := self.held) and not slots.is_over() and not self.renew(held):
                pause = (
                    lease / 20
                )  # a database that is back finds its living workers before a relay takes them for dead

    def renew(self, held: Sequence[Claimed]) -> bool:
        """Whether the database was there."""
        try:
            with statement() as session:
                kept = jobs.renew(session, held, settings().lease_seconds)
        except Exception as error:  # this thread goes on, whatever happens: without it slices are taken for dead
            log.warning("lease not renewed: %s", error)
            return False
        if len(kept) < len(held):
            log.warning("%d slices are no longer held here; their results will be ignored", len(held) - len(kept))
        return True


@cache
def keeper() -> Keeper:
    return Keeper()


@contextmanager
def kept(held: Sequence[Claimed]) -> Iterator[None]:
    """Keeps the slices from being rescued for as long as the block runs, or until it is taken to hang."""
    slots.begin(settings().slice_seconds)
    keeper().held = held
    try:
        yield
    finally:
        keeper().held = ()
        slots.end()
