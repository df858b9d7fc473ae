"""Workers that die, hang or are told to stop while they score: what they held is scored by the next."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from cli.servers import Postgres, Valkey
from shared import db, jobs, keys, queue
from shared.jobs import NewJob
from shared.tables import Lane
from tests.conftest import Service, eventually, redis_url
from tests.worker import poison
from tests.worker.poison import HANGS, HOLDS, KILLS

Start = Callable[..., Service]


@pytest.fixture
def start(database: str, running: tuple[Postgres, Valkey], tmp_path: Path) -> Iterator[Start]:
    """Starts a worker with these settings, on this test's database and an empty Redis."""
    queue.redis().flushdb()
    started: list[Service] = []

    def start_worker(**settings: str) -> Service:
        env = {"DATABASE_URL": database, "REDIS_URL": redis_url(running[1], 1), "MODELS_URL": str(tmp_path / "models")}
        made = Service({"LEASE_SECONDS": "1", "RELAY_SECONDS": "0.2"} | env | settings, tmp_path)
        made.start("worker")
        started.append(made)
        eventually(lambda: rows("SELECT 1 FROM workers"))
        return made

    yield start_worker
    for made in started:
        if "worker" in made.processes:
            made.stop("worker", signal.SIGKILL)


@pytest.fixture
def owner(database: str) -> int:
    with db.transaction() as session:
        return keys.create_user(session, "a@example.org", "a").id


@pytest.fixture
def version(database: str) -> int:
    with db.transaction() as session:
        return poison.register(session)


def rows(sql: str, **values: Any) -> list[Any]:
    with db.transaction() as session:
        return [tuple(row) for row in session.execute(text(sql), values)]


def store_single(owner: int, version: int, value: float) -> None:
    with db.transaction() as session:
        jobs.accept(session, [NewJob(jobs.new_id(), owner, version, [[value]], {})])
    queue.top_up(Lane.SINGLE, "test")


def store(owner: int, version: int, values: list[float]) -> None:
    with db.transaction() as session:
        poison.store_bulk(session, owner, version, [[value] for value in values])
    queue.top_up(Lane.BULK, "test")


def is_running() -> bool:
    return rows("SELECT count(*) FROM slices WHERE status = 'running'") == [(1,)]


def all_finished() -> bool:
    return rows("SELECT count(*) FROM jobs WHERE finished_at IS NULL") == [(0,)]


def children(process: int) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def test_a_killing_record_fails_alone_and_holds_nobody_up(start: Start, owner: int, version: int) -> None:
    start()
    store(owner, version, [1.0, 2.0, KILLS, 4.0])
    for value in KILLS, 5.0:
        store_single(owner, version, value)
    eventually(all_finished)
    assert rows("SELECT lane, succeeded, failed FROM jobs ORDER BY id") == [
        ("bulk", 3, 1),
        ("single", 0, 1),
        ("single", 1, 0),
    ]
    [(errors,)] = rows("SELECT errors FROM slices WHERE lane = 'bulk'")
    assert [(error["offset"], error["code"]) for error in errors] == [(2, "killed_worker")]
    assert rows("SELECT max(crashes) FROM slices") == [(1,)]


@pytest.mark.parametrize("poisonous", [HANGS, HOLDS], ids=["hangs", "holds the interpreter"])
def test_who_hangs_is_ended_and_found(start: Start, owner: int, version: int, poisonous: float) -> None:
    service = start(SLICE_SECONDS="1.5")
    store_single(owner, version, poisonous)
    eventually(all_finished)
    [(errors, crashes)] = rows("SELECT errors, crashes FROM slices")
    assert (errors[0]["code"], crashes) == ("timed_out", 1)
    eventually(lambda: "scored for longer than SLICE_SECONDS" in service.log("worker"))
    store_single(owner, version, 1.0)
    eventually(all_finished)


@pytest.mark.parametrize("who", ["worker", "process"])
def test_what_a_killed_worker_held_just_succeeds(start: Start, owner: int, version: int, who: str) -> None:
    """The model hangs as long as a file is not there, so that the worker dies in the middle of it."""
    first = start()
    store(owner, version, [poison.WAITS, 2.0])
    eventually(is_running)
    main = first.processes["worker"].pid
    for pid in [main] if who == "worker" else children(main):
        os.kill(pid, signal.SIGKILL)
    if who == "worker":
        first.processes.pop("worker").wait()
        start()
    eventually(lambda: rows("SELECT max(crashes) FROM slices") == [(1,)])
    poison.gate().touch()
    eventually(all_finished)
    assert rows("SELECT succeeded, failed FROM jobs") == [(2, 0)]


def test_a_worker_that_stops_lets_a_short_slice_end(start: Start, owner: int, version: int) -> None:
    service = start()
    store(owner, version, [poison.WAITS])
    eventually(is_running)
    service.processes["worker"].send_signal(signal.SIGTERM)
    eventually(lambda: "Warm shutdown" in service.log("worker"))
    poison.gate().touch()
    assert service.processes.pop("worker").wait(10) == 0
    assert rows("SELECT status, attempt, crashes FROM slices") == [("succeeded", 1, 0)]
    assert rows("SELECT name FROM workers") == []


def test_a_worker_that_stops_gives_back_what_does_not_end(start: Start, owner: int, version: int) -> None:
    service = start(STOP_SECONDS="1")
    store(owner, version, [poison.WAITS])
    eventually(is_running)
    began = time.monotonic()
    service.stop("worker")
    assert time.monotonic() - began < 8
    assert rows("SELECT status, attempt, crashes, failures FROM slices") == [("pending", 1, 0, 0)]
    poison.gate().touch()
    start()
    eventually(all_finished)
    assert rows("SELECT status, attempt, crashes FROM slices") == [("succeeded", 2, 0)]
