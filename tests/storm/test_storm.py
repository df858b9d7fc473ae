"""The short storm; and that what looks at a storm sees what it is there to see."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from shared import db, jobs, users
from shared.jobs import Result
from shared.tables import Lane
from tests.conftest import ROOT
from tests.shared.test_jobs import make_version, store
from tests.storm import audit, verdict
from tests.storm.directed import DIRECTED
from tests.storm.faults import FAULTS
from tests.storm.guards import GUARDS
from tests.storm.ledger import Ledger, Promise
from tests.storm.proxy import Proxy
from tests.storm.records import RAISES, place_of_mark, record, upload
from tests.storm.run import SHORT


@pytest.mark.timeout(600)
def test_a_short_storm_loses_nothing() -> None:
    command = [sys.executable, "-m", "tests.storm.run", "--short"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout
    assert all(name in done.stdout for name in SHORT)


def test_every_guard_has_its_storm() -> None:
    assert GUARDS.keys() == DIRECTED.keys()
    assert set(SHORT) < FAULTS.keys()


def test_a_ledger_keeps_what_it_was_told(tmp_path: Path) -> None:
    promise = Promise("1", "bulk", "housing", 7, 100, None)
    Ledger(tmp_path / "ledger").note(promise)
    assert list(Ledger(tmp_path / "ledger")) == [promise]


def test_records_follow_from_their_seed() -> None:
    assert record(1) == record(1) != record(2)
    one, other = upload(3, 300), upload(3, 300)
    assert one == other
    assert one.records.count(None) == 3
    marked = upload(3, 300, RAISES)
    assert [place for place, house in enumerate(marked.records) if house and house["median_income"] == RAISES] == [
        place_of_mark(3, 300)
    ]


def test_outputs_that_are_not_the_models_are_seen() -> None:
    houses = {"job": [record(1), None, record(2)]}
    interval = {"half_width": 10.0, "minimum": 0.0}
    expected = verdict.expectations(houses, lambda rows: np.arange(len(rows), dtype=float), interval)["job"]
    assert expected == [[0.0, 0.0, 10.0], None, [1.0, 0.0, 11.0]]
    assert verdict.differences(expected, expected) == []
    assert verdict.differences([expected[0], None, expected[0]], expected) == [2]
    assert verdict.differences([expected[0], expected[0], expected[2]], expected) == [1]
    assert verdict.differences(expected[:2], expected)


def test_the_audit_sees_who_wrote_without_holding(database: str) -> None:
    with db.transaction() as session:
        audit.install(session)
        owner = users.create(session, "a@example.org", "a").id
        store(session, owner, make_version(session))
        [held] = jobs.claim(session, Lane.SINGLE, "w1", 10)
    finish = Result(held.id, held.attempt, [[1.0]], [])
    with db.transaction() as session:
        jobs.finish(session, [finish])
        assert session.execute(text(audit.SUPERSEDED)).all() == []
    with db.transaction() as session:
        session.execute(text("UPDATE slices SET outputs = '[[2]]'"))
        assert [tuple(row) for row in session.execute(text(audit.SUPERSEDED))] == [(held.id, 1, None)]
        assert session.execute(text(audit.TWICE)).all()


@contextmanager
def echoing() -> Iterator[Proxy]:
    """A proxy before a server that says everything again."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                link, _ = server.accept()
            except OSError:
                return
            Thread(target=echo, args=(link,), daemon=True).start()

    def echo(link: Any) -> None:
        with link, suppress(OSError):
            while data := link.recv(100):
                link.sendall(data)

    Thread(target=serve, daemon=True).start()
    proxy = Proxy(server.getsockname()[1])
    yield proxy
    proxy.close()
    server.close()


def connect(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=0.5)


def test_a_half_open_connection_is_silent_and_stays_so() -> None:
    with echoing() as proxy, connect(proxy) as old:
        old.sendall(b"one")
        assert old.recv(100) == b"one"
        proxy.half_open()
        old.sendall(b"two")
        with connect(proxy) as new:
            new.sendall(b"three")
            with pytest.raises(TimeoutError):
                new.recv(100)
        proxy.flow()
        with connect(proxy) as newest:
            newest.sendall(b"four")
            assert newest.recv(100) == b"four"
        with pytest.raises(TimeoutError):
            old.recv(100)


def test_a_lost_answer_is_lost_once() -> None:
    with echoing() as proxy:
        lost = proxy.lose_answer_to(b"COMMIT")
        with connect(proxy) as robbed:
            robbed.sendall(b"COMMIT")
            assert robbed.recv(100) == b""
        assert lost.is_set()
        with connect(proxy) as other:
            other.sendall(b"COMMIT")
            assert other.recv(100) == b"COMMIT"
