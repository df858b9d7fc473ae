"""API processes that die, also at the worst moments: clients then send again, under the same key."""

from collections.abc import Iterator
from random import Random

from tests.storm.deaths import BEFORE_COMMIT, BEFORE_HINT, BEFORE_REPLY
from tests.storm.faults.fault import Part, fault
from tests.storm.fleet import Fleet


@fault("an API process is killed", Part.API)
def killed(fleet: Fleet, chance: Random) -> Iterator[None]:
    fleet.programs[chance.choice(fleet.apis)].kill()
    yield
    fleet.heal()


@fault("an API process is killed before its commit", Part.API)
def killed_before_commit(fleet: Fleet, _: Random) -> Iterator[None]:
    yield from dies_at(fleet, BEFORE_COMMIT)


@fault("an API process is killed between commit and hint", Part.API)
def killed_before_hint(fleet: Fleet, _: Random) -> Iterator[None]:
    yield from dies_at(fleet, BEFORE_HINT)


@fault("an API process is killed between commit and reply", Part.API)
def killed_before_reply(fleet: Fleet, _: Random) -> Iterator[None]:
    yield from dies_at(fleet, BEFORE_REPLY)


@fault("API processes are restarted in order, one by one", Part.API, orderly=True)
def restarted(fleet: Fleet, _: Random) -> Iterator[None]:
    for number, name in enumerate(fleet.apis):
        fleet.programs[name].end()
        fleet.heal()
        fleet.wait_for(lambda number=number: fleet.answers(fleet.ports[number]))  # type: ignore[misc]
    yield


def dies_at(fleet: Fleet, place: str) -> Iterator[None]:
    (fleet.deaths / place).touch()
    fleet.wait_for(lambda: not all(fleet.programs[name].runs for name in fleet.apis))
    yield
    fleet.heal()
