"""Keeping ready what is likely to be asked for, from a thread beside the scoring."""

import logging
import sys
import threading
import time
from functools import cache
from math import inf

from threadpoolctl import threadpool_limits

from shared import registry
from shared.db import statement
from shared.errors import ScorelineError
from worker import models

LOOK_SECONDS = 1.0
AGAIN_SECONDS = 10.0
# A process of the pool has four seconds to report itself; what is not ready by then, jobs wait for like any version.
FIRST_SECONDS = 3.0
# How soon the thread that scores gets the interpreter back from this one: beside a load a single took 6 to 18 ms, and
# with Python's own 5 ms 25 to 49, for it lets go of the interpreter each time that it waits for the database.
SWITCH_SECONDS = 0.0005

log = logging.getLogger(__name__)


class Keeper:
    """Looks once a second which versions are wanted, and loads those that are new among them; one thread a process."""

    def __init__(self) -> None:
        self.left_until: dict[int, float] = {}
        self.is_ready = threading.Event()
        self.complaint = ""

    def start(self) -> None:
        """Returns when what is wanted now is in memory, so that the first job finds it there."""
        threading.Thread(target=self.run, name="warm", daemon=True).start()
        self.is_ready.wait(FIRST_SECONDS)

    def run(self) -> None:
        sys.setswitchinterval(SWITCH_SECONDS)
        threadpool_limits(limits=1)  # OpenMP has a number of threads for each of ours
        clock = threading.Event()
        while True:
            self.look()
            self.is_ready.set()
            clock.wait(LOOK_SECONDS)

    def look(self) -> None:
        """One round. This thread goes on, whatever happens: jobs load what it did not."""
        try:
            with statement() as session:
                wanted = registry.wanted(session)
        except Exception as error:
            self.complain(f"it is not known which versions are wanted: {error}")
            return
        self.left_until = {version: until for version, until in self.left_until.items() if version in wanted}
        for version in wanted:
            if time.monotonic() >= self.left_until.get(version, 0):
                self.left_until[version] = self.until_after(version, wanted)

    def until_after(self, version: int, wanted: list[int]) -> float:
        """Loads it, and says until when it is left alone: for ever, also where there is no room beside the others."""
        try:
            models.keep_ready(version, wanted)
        except Exception as error:
            self.complain(error.detail if isinstance(error, ScorelineError) else f"{type(error).__name__}: {error}")
            return time.monotonic() + AGAIN_SECONDS
        return inf

    def complain(self, complaint: str) -> None:
        """Once, while it stays the same."""
        if complaint != self.complaint:
            log.warning("not kept ready: %s", complaint)
        self.complaint = complaint


@cache
def keeper() -> Keeper:
    return Keeper()
