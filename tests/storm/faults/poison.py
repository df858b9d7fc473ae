"""Records that the model cannot stand, inside thousands that it can; the fault lasts until their job is finished."""

from collections.abc import Iterator
from random import Random

from tests.storm.faults.fault import Part, fault
from tests.storm.fleet import Fleet
from tests.storm.records import HANGS, KILLS, RAISES

RECORDS = 3_000
PATIENCE_SECONDS = 300  # each of some dozen parts that hang is given 5 s
FINISHED = "SELECT finished_at IS NOT NULL FROM jobs WHERE id = %s"


@fault("a record makes the model raise", Part.WORKERS, harmless=True)
def raises(fleet: Fleet, chance: Random) -> Iterator[None]:
    yield from swallowed(fleet, chance, RAISES)


@fault("a record kills the process that scores it", Part.WORKERS, harmless=True)
def kills(fleet: Fleet, chance: Random) -> Iterator[None]:
    yield from swallowed(fleet, chance, KILLS)


@fault("a record keeps the model from returning", Part.WORKERS, harmless=True)
def hangs(fleet: Fleet, chance: Random) -> Iterator[None]:
    yield from swallowed(fleet, chance, HANGS)


def swallowed(fleet: Fleet, chance: Random, income: float) -> Iterator[None]:
    """That this record alone failed is for the verdict to find: the ledger knows its income."""
    job = fleet.client(chance).bulk("poisoned", RECORDS, keyed=True, income=income)
    fleet.wait_for(lambda: fleet.rows(FINISHED, job) == [(True,)], PATIENCE_SECONDS)
    yield
