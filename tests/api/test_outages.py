"""Servers that go away and come back, on servers of this module's own."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from cli.servers import Postgres, Valkey, servers
from tests.api.test_predict import assert_problem
from tests.conftest import Service, environment, eventually, migrate, serving, train_housing

House = dict[str, Any]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Postgres, Valkey, Service]]:
    folder = tmp_path_factory.mktemp("outages")
    with servers(folder) as (postgres, valkey):
        migrate(postgres.url)
        models = folder / "models"
        with environment(DATABASE_URL=postgres.url, MODELS_URL=str(models)):
            train_housing()
        with serving(postgres.url, valkey.url, models, folder, LEASE_SECONDS="1", RELAY_SECONDS="0.3") as service:
            yield postgres, valkey, service


def post(client: httpx.Client, house: House) -> tuple[httpx.Response, float]:
    began = time.monotonic()
    answer = client.post("/predict", json=house)
    return answer, time.monotonic() - began


def is_finished(client: httpx.Client, job: str) -> bool:
    return bool(client.get(f"/jobs/{job}?wait=1").json()["status"] == "succeeded")


def test_without_redis_jobs_are_accepted_and_scored_later(own: tuple[Postgres, Valkey, Service], house: House) -> None:
    _, valkey, service = own
    with service.user() as client:
        valkey.stop()
        answers = [post(client, house) for _ in range(3)]
        assert [answer.status_code for answer, _ in answers] == [202] * 3
        assert max(took for _, took in answers) < 1.5
        assert all("ratelimit" in answer.headers for answer, _ in answers), "limits are counted all the same"
        assert client.get("/health").json()["status"] == "degraded"
        valkey.start()
        ids = [answer.json()["id"] for answer, _ in answers]
        eventually(lambda: all(is_finished(client, job) for job in ids), 60)
        assert client.get("/health").json()["redis"]["status"] == "ok"


def test_without_postgres_503_and_recovery_without_a_restart(
    own: tuple[Postgres, Valkey, Service], house: House
) -> None:
    postgres, _, service = own
    with service.user() as client:
        postgres.stop()
        for answer in (client.post("/predict", json=house), client.get("/jobs"), client.get("/queue")):
            assert_problem(answer, 503, "database_away")
            assert int(answer.headers["retry-after"]) >= 1
        assert client.get("/health/ready").status_code == 503
        assert client.get("/health").status_code == 503
        assert client.get("/health/live").status_code == 200
        postgres.start()
        eventually(lambda: client.get("/health/ready").status_code == 200)
        answer = client.post("/predict", json=house)
        assert answer.status_code == 202
        eventually(lambda: is_finished(client, answer.json()["id"]), 60)


def test_a_lost_hint_is_sent_again(own: tuple[Postgres, Valkey, Service], house: House) -> None:
    import redis

    _, valkey, service = own
    with service.user() as client:
        service.stop("worker")
        answer = client.post("/predict", json=house)
        link = redis.Redis.from_url(valkey.url)
        eventually(lambda: link.llen("single") > 0)
        link.flushall()
        link.close()
        service.start("worker")
        eventually(lambda: is_finished(client, answer.json()["id"]), 60)


def test_what_a_killed_worker_held_is_scored_by_the_next(own: tuple[Postgres, Valkey, Service], house: House) -> None:
    """The slice is claimed by a worker that is dead before it can score."""
    from shared import db, jobs
    from shared.tables import Lane
    from tests.conftest import environment

    _, _, service = own
    with service.user() as client:
        service.stop("worker")
        answer = client.post("/predict", json=house)
        with environment(**service.env), db.transaction() as session:
            [held] = jobs.claim(session, Lane.SINGLE, "dead", 0.1)
        service.start("worker")
        eventually(lambda: is_finished(client, answer.json()["id"]), 60)
        with environment(**service.env), db.transaction() as session:
            result = jobs.Result(held.id, held.attempt, [[0.0, 0.0, 0.0]], [])
            assert jobs.finish(session, [result]) == [], "the dead worker's attempt must be over"
