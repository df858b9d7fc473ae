"""A worker of the test's own, and a model that some records are poison to."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from cli.servers import Postgres, Valkey
from shared import db, jobs, queue, users
from shared.jobs import NewJob
from shared.tables import Lane
from tests.conftest import Service, eventually, redis_url
from tests.worker import poison

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
        return users.create(session, "a@example.org", "a").id


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
