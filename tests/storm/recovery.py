"""How long after a fault it takes until everything is as before."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from threading import Event

from tests.storm.fleet import Fleet

GIVE_UP_SECONDS = 90
WINDOW_SECONDS = 3
LEVEL = 0.8  # of the former throughput: what comes in is random, too
LOOK = Event()
LOOK_SECONDS = 0.05

UNFINISHED = "SELECT id FROM slices WHERE status IN ('pending', 'running')"
STILL = "SELECT count(*) FROM slices WHERE id = ANY(%s) AND status IN ('pending', 'running')"
FINISHED = "SELECT finished_at IS NOT NULL FROM jobs WHERE id = %s"
RATE = f"""
SELECT count(*) / {WINDOW_SECONDS}.0 FROM jobs
WHERE finished_at > clock_timestamp() - interval '{WINDOW_SECONDS} s' AND created_at > to_timestamp(%s)
"""


@dataclass
class Recovery:
    """Seconds from the end of the fault; what is missing did not come within the time that was waited."""

    probe: float | None = None  # until a job that was submitted after it was finished
    moved: float | None = None  # until all was finished that waited or ran at its end
    throughput: float | None = None  # until jobs were finished as fast as before
    crashes: int = 0
    unfinished: int = 0
    died: list[str] = field(default_factory=list)  # of themselves, which nobody should

    @property
    def seconds(self) -> float | None:
        return max(self.probe, self.moved) if self.probe is not None and self.moved is not None else None


def rate(fleet: Fleet, since: float = 0) -> float:
    """Jobs finished per second just now, of those that came after a moment."""
    return float(fleet.rows(RATE, since)[0][0])


def watch(fleet: Fleet, chance: Random, level: float) -> Recovery:
    """Waits until the service has recovered from what has just ended."""
    began, since = time.monotonic(), time.time()
    found = Recovery()
    before = [number for (number,) in fleet.rows(UNFINISHED)]
    job = fleet.client(chance).single("housing", keyed=True)
    questions: dict[str, Callable[[], bool]] = {
        "probe": lambda: fleet.rows(FINISHED, job) == [(True,)],
        "moved": lambda: fleet.rows(STILL, before) == [(0,)],
        "throughput": lambda: rate(fleet, since) >= LEVEL * level,
    }
    while questions and time.monotonic() - began < GIVE_UP_SECONDS:
        for name in [name for name, is_so in questions.items() if is_so()]:
            setattr(found, name, time.monotonic() - began)
            del questions[name]
        found.died += fleet.heal()
        LOOK.wait(LOOK_SECONDS)
    found.unfinished = int(fleet.rows(STILL, before)[0][0])
    return found
