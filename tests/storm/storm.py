"""Faults thrown at a service under load, one after the other, each watched until it is overcome."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from math import inf
from random import Random
from threading import Event

from tests.storm import audit
from tests.storm.faults import Fault, Skipped
from tests.storm.fleet import Fleet, NotReady
from tests.storm.load import Load
from tests.storm.recovery import WINDOW_SECONDS, Recovery, rate, watch

CALM_SECONDS = 2
HURRY_SECONDS = 2
WARM_UP_SECONDS = 8
DRAIN_SECONDS = 90
UNFINISHED = "SELECT count(*) FROM jobs WHERE finished_at IS NULL"


@dataclass(frozen=True)
class Thrown:
    """A fault, or two at once, and what came of it; begin and end are of the wall's clock and of the monotonic one."""

    faults: Sequence[Fault]
    wall: tuple[float, float]
    clock: tuple[float, float]
    recovery: Recovery

    @property
    def name(self) -> str:
        return " + ".join(fault.name for fault in self.faults)

    @property
    def within(self) -> float:
        """Of two at once each has its time."""
        return sum(fault.within for fault in self.faults)

    @property
    def line(self) -> str:
        seconds, throughput = self.recovery.seconds, self.recovery.throughput
        recovered = f"recovered in {seconds:4.1f} s" if seconds is not None else "NOT RECOVERED"
        fast = f"as fast as before in {throughput:4.1f} s" if throughput is not None else "NOT AS FAST AS BEFORE"
        crashes = f", {self.recovery.crashes} crashes" if self.recovery.crashes else ""
        died = f", DIED: {' '.join(self.recovery.died)}" if self.recovery.died else ""
        lasted = self.wall[1] - self.wall[0]
        return f"{self.name:<58} {lasted:5.1f} s   {recovered}   {fast}{crashes}{died}"


class Storm:
    """The load, what has been thrown, and what could not be. In a hurry it does not look at how fast things are."""

    def __init__(self, fleet: Fleet, seed: int, hurried: bool = False) -> None:
        self.fleet = fleet
        self.hurried = hurried
        self.chance = Random(seed)
        self.load = Load(fleet, seed)
        self.thrown: list[Thrown] = []
        self.skipped: dict[str, str] = {}
        self.stuck: list[str] = []
        self.clock = Event()
        self.level = 0.0

    def begin(self) -> None:
        """The load, and how much of it is finished a second while nothing is wrong."""
        self.load.start()
        if self.hurried:
            return
        self.clock.wait(WARM_UP_SECONDS - WINDOW_SECONDS)
        rates = []
        for _ in range(WINDOW_SECONDS):
            self.clock.wait(1)
            rates.append(rate(self.fleet))
        self.level = sum(rates) / len(rates)

    def throw(self, *faults: Fault) -> str:
        """What came of it, in a line."""
        crashes = self.crashes(since := self.fleet.clock())
        wall, clock = time.time(), time.monotonic()
        try:
            with ExitStack() as stack:
                for fault in faults:
                    stack.enter_context(lasting(fault, self.fleet, self.chance))
                self.clock.wait(min(max(fault.seconds for fault in faults), HURRY_SECONDS if self.hurried else inf))
        except Skipped as reason:
            self.skipped[faults[0].name] = str(reason)
            return f"{faults[0].name:<58} SKIPPED: {reason}"
        except NotReady as reason:
            self.stuck.append(f"{' + '.join(fault.name for fault in faults)}: {reason}")
            self.fleet.heal()
            return f"{faults[0].name:<58} STUCK: {reason}"
        walls, clocks = (wall, time.time()), (clock, time.monotonic())
        recovery = watch(self.fleet, self.chance, self.level)
        recovery.crashes = self.crashes(since) - crashes
        self.thrown.append(Thrown(faults, walls, clocks, recovery))
        self.clock.wait(0 if self.hurried else CALM_SECONDS)
        return self.thrown[-1].line

    def crashes(self, since: float) -> int:
        return int(self.fleet.rows(audit.CRASHES, since)[0][0])

    def end(self) -> None:
        """No more load; what is left is given time to finish."""
        self.load.stop()
        deadline = time.monotonic() + DRAIN_SECONDS
        while self.fleet.rows(UNFINISHED) != [(0,)] and time.monotonic() < deadline:
            self.clock.wait(0.1)


@contextmanager
def lasting(fault: Fault, fleet: Fleet, chance: Random) -> Iterator[None]:
    """From the begin of a fault to its end."""
    course = fault.throw(fleet, chance)
    next(course)
    yield
    next(course, None)
