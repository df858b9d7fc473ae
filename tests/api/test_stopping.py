"""An API that is asked to stop finishes what is in flight, and keeps nobody waiting who could come again."""

import signal
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from cli.servers import Postgres, Valkey
from tests.conftest import Service, copy_database, redis_url, serving

LONG = httpx.Timeout(90)


@pytest.fixture
def idle(trained: tuple[str, Path], running: tuple[Postgres, Valkey], tmp_path: Path) -> Iterator[Service]:
    """A service whose worker has left, so that what is submitted waits."""
    with serving(copy_database(trained[0]), redis_url(running[1], 3), trained[1], tmp_path) as service:
        service.stop("worker")
        yield service


def test_who_waits_has_an_answer_at_once(idle: Service, house: dict[str, float]) -> None:
    with idle.user() as http, ThreadPoolExecutor() as pool:
        job = http.post("/predict", json=house).json()["id"]
        waiting = [
            pool.submit(http.get, f"/jobs/{job}?wait=60", timeout=LONG),
            pool.submit(http.post, "/predict", json=house, headers={"Prefer": "wait=60"}, timeout=LONG),
            pool.submit(http.get, f"/jobs/{job}/events", timeout=LONG),
        ]
        time.sleep(1)
        began = time.monotonic()
        assert idle.stop("api") in (0, -signal.SIGTERM)
        assert time.monotonic() - began < 3
        assert [one.result().status_code for one in waiting] == [200, 202, 200]
        assert [status(one) for one in waiting[:2]] == ["pending", "pending"]


def status(answer: Future[httpx.Response]) -> str:
    return str(answer.result().json()["status"])
