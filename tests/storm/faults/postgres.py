"""PostgreSQL that restarts, dies, freezes, has no room or does not answer."""

import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from random import Random
from typing import Any

import psycopg2

from tests.storm import disk
from tests.storm.faults.fault import Part, Skipped, fault
from tests.storm.faults.workers import LEASE_SECONDS
from tests.storm.fleet import Fleet
from tests.storm.program import freeze, send, thaw

OTHERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'scoreline'"
OWN = "SELECT pg_backend_pid()"
SERVED = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'scoreline'"


@fault("PostgreSQL is restarted", Part.POSTGRES, seconds=1, orderly=True)
def restarted(fleet: Fleet, _: Random) -> Iterator[None]:
    fleet.postgres.stop()
    yield
    fleet.postgres.start()


@fault("PostgreSQL is killed", Part.POSTGRES, seconds=2, orderly=True)
def killed(fleet: Fleet, _: Random) -> Iterator[None]:
    fleet.postgres.process.kill()
    fleet.postgres.process.wait()
    yield
    fleet.postgres.start()


@fault("PostgreSQL is away for longer than a lease", Part.POSTGRES, seconds=LEASE_SECONDS + 3, orderly=True)
def away(fleet: Fleet, _: Random) -> Iterator[None]:
    fleet.postgres.stop()
    yield
    fleet.postgres.start()


@fault("a process of PostgreSQL is killed", Part.POSTGRES, orderly=True)
def backend_killed(fleet: Fleet, chance: Random) -> Iterator[None]:
    """One is enough: PostgreSQL then ends all others and reads its log again."""
    served = "SELECT pid FROM pg_stat_activity WHERE application_name = 'scoreline' ORDER BY pid"
    before = fleet.rows(OWN)
    send(signal.SIGKILL, chance.choice([pid for (pid,) in fleet.rows(served)]))
    fleet.wait_for(lambda: is_another(fleet, before))
    yield


def is_another(fleet: Fleet, before: list[tuple[Any, ...]]) -> bool:
    """Whether the storm has a new connection; the server may end its old one, and take none, at any moment."""
    try:
        return fleet.rows(OWN) != before
    except psycopg2.Error:
        return False


@fault("PostgreSQL is frozen", Part.POSTGRES, seconds=LEASE_SECONDS + 3, orderly=True)
def frozen(fleet: Fleet, _: Random) -> Iterator[None]:
    freeze(fleet.postgres.process.pid)
    yield
    thaw(fleet.postgres.process.pid)


@fault("every connection to PostgreSQL is half-open", Part.POSTGRES, seconds=8, orderly=True)
def half_open(fleet: Fleet, _: Random) -> Iterator[None]:
    fleet.to_postgres.half_open()
    yield
    fleet.to_postgres.flow()


@fault("PostgreSQL has no connection left", Part.POSTGRES, seconds=5, orderly=True)
def no_connections(fleet: Fleet, _: Random) -> Iterator[None]:
    """The storm takes all of them, also those that the service had."""
    taken: list[Any] = []

    def has_them_all() -> bool:
        fleet.rows(OTHERS)
        with suppress(psycopg2.OperationalError):
            while True:
                taken.append(psycopg2.connect(fleet.postgres.url, connect_timeout=5))
        return fleet.rows(SERVED) == [(0,)]

    fleet.wait_for(has_them_all)
    yield
    for link in taken:
        link.close()


@fault("PostgreSQL has no disk left", Part.POSTGRES, seconds=6, orderly=True)
def no_disk(fleet: Fleet, _: Random) -> Iterator[None]:
    """It ends itself when it cannot write its log; with room again it is started like anything that died."""
    if not fleet.disk:
        raise Skipped("mounting a small disk is not allowed here")
    ballast = disk.fill(fleet.postgres.folder)
    yield
    ballast.unlink()
    if fleet.postgres.process.poll() is not None:
        fleet.postgres.start()
    fleet.wait_for(lambda: is_back(fleet))


@fault("the answer to a COMMIT is lost", Part.POSTGRES, orderly=True)
def commit_lost(fleet: Fleet, _: Random) -> Iterator[None]:
    yield from answer_lost(fleet, rb"COMMIT")


@fault("the answer to the finish of slices is lost", Part.POSTGRES, orderly=True)
def finish_lost(fleet: Fleet, _: Random) -> Iterator[None]:
    yield from answer_lost(fleet, rb"EXECUTE finish ")


@fault("the answer to the acceptance of singles is lost", Part.POSTGRES, orderly=True)
def acceptance_lost(fleet: Fleet, _: Random) -> Iterator[None]:
    yield from answer_lost(fleet, rb"EXECUTE accept ")


@fault("the answer to a claim is lost", Part.POSTGRES, orderly=True)
def claim_lost(fleet: Fleet, _: Random) -> Iterator[None]:
    """What was claimed is given back by who has asked, and does not wait for its lease."""
    yield from answer_lost(fleet, rb"EXECUTE claim_")


def answer_lost(fleet: Fleet, pattern: bytes) -> Iterator[None]:
    lost: threading.Event = fleet.to_postgres.lose_answer_to(pattern)
    lost.wait(30)
    yield


def is_back(fleet: Fleet) -> bool:
    try:
        return bool(fleet.rows("SELECT 1"))
    except psycopg2.Error:
        return False
