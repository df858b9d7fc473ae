"""A short storm for each guard: exactly what it is against, and nothing else. Green with it, red without."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from shared.tables import Lane
from tests.storm import verdict
from tests.storm.client import Seen
from tests.storm.deaths import BEFORE_REPLY
from tests.storm.fleet import Fleet, NotReady
from tests.storm.records import DAWDLES, DAWDLING, KILLS

LEASE_SECONDS = 2.0
# Shorter than what a record may take that is scored apart, after its worker died.
LONG_SECONDS = 4.5
FINISH_SECONDS = 30
# What a dead connection may cost a client: it is given up after 5 s.
ANSWER_SECONDS = 20
SETTINGS = {"LEASE_SECONDS": f"{LEASE_SECONDS:g}", "RELAY_SECONDS": "0.2"}

UNFINISHED = "SELECT count(*) FROM jobs WHERE finished_at IS NULL"
RUNNING = "SELECT split_part(worker, '@', 1), attempt FROM slices WHERE status = 'running'"
LEASE_OVER = "SELECT clock_timestamp() > lease_until + %s * interval '1 s' FROM slices WHERE status = 'running'"
CRASHED = "SELECT id, crashes FROM slices WHERE crashes > 0"
LAZY = ("ALTER SYSTEM SET wal_writer_delay = '10s'", "SELECT pg_reload_conf()")
FORGET = "TRUNCATE jobs, slices, requests, workers, storm_changes"


@dataclass(frozen=True)
class Directed:
    """`course` throws the one fault; nobody may count as crashed if `nobody_dies`."""

    course: Callable[[Fleet, Random], None]
    workers: int = 1
    nobody_dies: bool = False
    settings: dict[str, str] = field(default_factory=dict)


def findings(fleet: Fleet, directed: Directed, seed: int, guard: str | None) -> list[str]:
    """What is wrong after the directed storm; `guard` is taken out of every program."""
    begin_anew(fleet)
    fleet.guard, fleet.settings = guard, {**SETTINGS, DAWDLING: str(dawdling(fleet)), **directed.settings}
    try:
        fleet.staff(directed.workers, apis=1)
        directed.course(fleet, Random(seed))
        wait_for_the_end(fleet)
        crashed = [f"slice {number} was taken for dead" for number, _ in fleet.rows(CRASHED)]
        found = verdict.findings(fleet, fleet.ledger).values()
        wrong = [words for each in found for words in each] + fleet.seen.complaints
        return wrong + (crashed if directed.nobody_dies else [])
    finally:
        fleet.dismiss()


def begin_anew(fleet: Fleet) -> None:
    fleet.rows(FORGET)
    fleet.ledger.path.write_text("")
    fleet.seen = Seen()
    with fleet.redis() as link:
        link.flushall()


def wait_for_the_end(fleet: Fleet) -> None:
    """What is not finished then is for the verdict to name."""
    try:
        fleet.wait_for(lambda: fleet.rows(UNFINISHED) == [(0,)], FINISH_SECONDS)
    except NotReady:
        return


def submit_dawdling(fleet: Fleet, chance: Random, seconds: float) -> str:
    """A single that takes so long; the name of the worker that has begun to score it."""
    dawdling(fleet).unlink(missing_ok=True)
    fleet.client(chance).single("poisoned", keyed=True, income=DAWDLES + seconds)
    fleet.wait_for(dawdling(fleet).exists)
    return str(fleet.rows(RUNNING)[0][0])


def dawdling(fleet: Fleet) -> Path:
    return fleet.folder / "dawdling"


def hints_are_lost(fleet: Fleet, chance: Random) -> None:
    fleet.drop("w1")
    client = fleet.client(chance)
    client.single("housing", keyed=True)
    client.bulk("housing", 1_000, keyed=True)
    with fleet.redis() as link:
        fleet.wait_for(lambda: all(link.llen(lane) for lane in Lane))
        link.flushall()
    fleet.start_worker("w1")


def a_worker_is_killed(fleet: Fleet, chance: Random) -> None:
    fleet.programs[submit_dawdling(fleet, chance, 2)].kill()
    fleet.heal()


def a_sleeper_wakes_up(fleet: Fleet, chance: Random) -> None:
    """While another worker has what it held, its result is ready to be written."""
    sleeper = submit_dawdling(fleet, chance, 2)
    fleet.programs[sleeper].freeze()
    fleet.wait_for(lambda: any(name != sleeper and attempt > 1 for name, attempt in fleet.rows(RUNNING)))
    fleet.programs[sleeper].thaw()


def a_lease_is_renewed_late(fleet: Fleet, chance: Random) -> None:
    """Its holder wakes up and renews after the relay had a look, and before the relay has changed anything."""
    sleeper = submit_dawdling(fleet, chance, LONG_SECONDS)
    fleet.programs[sleeper].freeze()
    fleet.wait_for(lambda: (False,) not in fleet.rows(LEASE_OVER, 0.6))
    fleet.programs[sleeper].thaw()


def postgres_is_away_for_a_lease(fleet: Fleet, chance: Random) -> None:
    """Three times, as who holds the slice may renew its lease before a relay has looked at it."""
    submit_dawdling(fleet, chance, 10 * LEASE_SECONDS)
    for _ in range(3):
        with without_postgres(fleet):
            threading.Event().wait(LEASE_SECONDS + 1)
        threading.Event().wait(LEASE_SECONDS / 2)


def postgres_is_away_when_it_is_done(fleet: Fleet, chance: Random) -> None:
    submit_dawdling(fleet, chance, 1)
    with without_postgres(fleet):
        threading.Event().wait(2)


@contextmanager
def without_postgres(fleet: Fleet) -> Iterator[None]:
    fleet.postgres.stop()
    yield
    fleet.postgres.start()


def redis_falls_silent(fleet: Fleet, chance: Random) -> None:
    fleet.to_redis.half_open()
    threading.Event().wait(1)
    fleet.to_redis.flow()
    fleet.client(chance).single("housing", keyed=True)


def postgres_falls_silent(fleet: Fleet, chance: Random) -> None:
    """Every connection that the API has is dead, and it does not know; who asks next must be answered all the same."""
    submit_dawdling(fleet, chance, 2)
    fleet.to_postgres.half_open()
    fleet.to_postgres.flow()
    begun = time.monotonic()
    fleet.client(chance).single("housing", keyed=True)
    if (took := time.monotonic() - begun) > ANSWER_SECONDS:
        fleet.seen.complain(f"an answer took {took:.0f} s")


def a_record_kills(fleet: Fleet, chance: Random) -> None:
    fleet.client(chance).bulk("poisoned", 100, keyed=True, income=KILLS)


def a_worker_stops(fleet: Fleet, chance: Random) -> None:
    """It has a second to finish what takes longer; another goes on."""
    fleet.drop(submit_dawdling(fleet, chance, LONG_SECONDS))


def scoring_outlasts_a_lease(fleet: Fleet, chance: Random) -> None:
    submit_dawdling(fleet, chance, LONG_SECONDS)


def an_answer_is_lost(fleet: Fleet, chance: Random) -> None:
    """The client sends again, with the same key, to an API that was started again."""
    (fleet.deaths / BEFORE_REPLY).touch()
    sender = threading.Thread(target=fleet.client(chance).single, args=("housing", True))
    sender.start()
    while sender.is_alive():
        fleet.heal()
        sender.join(0.05)


def postgres_is_killed_after_a_promise(fleet: Fleet, chance: Random) -> None:
    for statement in LAZY:
        fleet.rows(statement)
    fleet.programs["w1"].kill()
    client = fleet.client(chance)
    for _ in range(10):
        client.single("housing", keyed=False)
    fleet.postgres.process.kill()
    fleet.postgres.process.wait()
    fleet.postgres.start()
    fleet.heal()


DIRECTED = {
    "the relay sends lost hints again": Directed(hints_are_lost),
    "the relay takes back what the dead held": Directed(a_worker_is_killed),
    "a finish names its attempt": Directed(a_sleeper_wakes_up, workers=2),
    "a rescue looks at the lease again under the lock": Directed(a_lease_is_renewed_late, workers=2),
    "nothing is rescued before the database was read for a lease": Directed(
        postgres_is_away_for_a_lease, workers=2, nobody_dies=True, settings={"RELAY_SECONDS": "0.1"}
    ),
    "a worker gives up on a silent Redis": Directed(redis_falls_silent),
    "leases are renewed": Directed(scoring_outlasts_a_lease, nobody_dies=True),
    "results outlast an outage of the database": Directed(postgres_is_away_when_it_is_done, nobody_dies=True),
    "a key stands for one job": Directed(an_answer_is_lost),
    "a commit is on disk before its answer": Directed(postgres_is_killed_after_a_promise),
    "a silent database is given up": Directed(
        postgres_falls_silent, nobody_dies=True, settings={"LEASE_SECONDS": "10"}
    ),
    "a slice that killed its worker is scored apart": Directed(a_record_kills),
    "who stops in order gives back what he has in hand": Directed(
        a_worker_stops, workers=2, nobody_dies=True, settings={"STOP_SECONDS": "1"}
    ),
}
