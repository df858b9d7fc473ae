"""Workers that die, hang or are told to stop while they score: what they held is scored by the next."""

import os
import signal
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.conftest import eventually
from tests.storm.fleet import at_port
from tests.storm.proxy import Proxy
from tests.worker import poison
from tests.worker.conftest import Start, all_finished, is_running, rows, store, store_single
from tests.worker.poison import HANGS, HOLDS, KILLS


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


def test_a_claim_whose_answer_is_lost_is_given_back(start: Start, owner: int, version: int, database: str) -> None:
    """At once, and nobody's crash: the lease is longer than this test may take."""
    wire = Proxy(urlsplit(database).port or 0)
    try:
        start(DATABASE_URL=at_port(database, wire.port), LEASE_SECONDS="300")
        lost = wire.lose_answer_to(rb"EXECUTE claim_")
        store_single(owner, version, 1.0)
        eventually(all_finished)
        assert lost.is_set()
        assert rows("SELECT status, attempt, crashes FROM slices") == [("succeeded", 2, 0)]
    finally:
        wire.close()


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
