"""Workers that die, freeze, stop in order and come in other numbers."""

import os
import signal
from collections.abc import Iterator
from random import Random

from tests.storm.faults.fault import Part, fault
from tests.storm.fleet import Fleet

LEASE_SECONDS = 8  # the default, which a storm does not change

HOLDERS = "SELECT DISTINCT split_part(worker, '@', 1) FROM slices WHERE status = 'running' AND worker IS NOT NULL"


def holder(fleet: Fleet, chance: Random) -> str:
    """A worker that has work in hand, frozen by now so that it cannot finish it."""
    frozen: list[str] = []

    def caught() -> bool:
        busy = [name for (name,) in fleet.rows(HOLDERS) if name in fleet.workers]
        if not busy:
            return False
        name = chance.choice(sorted(busy))
        fleet.programs[name].freeze()
        if (name,) in fleet.rows(HOLDERS):
            frozen.append(name)
            return True
        fleet.programs[name].thaw()
        return False

    fleet.wait_for(caught)
    return frozen[0]


@fault("a worker is killed", Part.WORKERS)
def worker_killed(fleet: Fleet, chance: Random) -> Iterator[None]:
    name = holder(fleet, chance)
    fleet.programs[name].kill()
    yield
    fleet.heal()


@fault("a child of a worker is killed", Part.WORKERS)
def child_killed(fleet: Fleet, chance: Random) -> Iterator[None]:
    program = fleet.programs[holder(fleet, chance)]
    os.kill(chance.choice(sorted(program.children())), signal.SIGKILL)
    program.thaw()
    yield


@fault("all workers are killed and started again", Part.WORKERS, seconds=3)
def all_workers_killed(fleet: Fleet, chance: Random) -> Iterator[None]:
    holder(fleet, chance)
    for name in fleet.workers:
        fleet.programs[name].kill()
    since = fleet.clock()
    yield
    fleet.heal()
    fleet.wait_for_worker(fleet.workers[0], since)


@fault("a worker is frozen for longer than its lease", Part.WORKERS, seconds=LEASE_SECONDS + 3)
def worker_frozen(fleet: Fleet, chance: Random) -> Iterator[None]:
    name = holder(fleet, chance)
    yield
    fleet.programs[name].thaw()


@fault("workers are restarted in order, one by one", Part.WORKERS, orderly=True)
def workers_restarted(fleet: Fleet, _: Random) -> Iterator[None]:
    for name in fleet.workers:
        since = fleet.clock()
        fleet.drop(name)
        fleet.start_worker(name)
        fleet.wait_for_worker(name, since)
    yield


@fault("one worker, then three, then one", Part.WORKERS, orderly=True)
def workers_scaled(fleet: Fleet, _: Random) -> Iterator[None]:
    before = fleet.workers
    for name in before[1:]:
        fleet.drop(name)
    since = fleet.clock()
    for name in ("w2", "w3"):
        fleet.start_worker(name)
    for name in ("w2", "w3"):
        fleet.wait_for_worker(name, since)
    yield
    for name in ("w2", "w3"):
        fleet.drop(name)
    for name in before[1:]:
        fleet.start_worker(name)
