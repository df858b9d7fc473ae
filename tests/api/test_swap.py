"""A version changes under load and nobody notices: no request fails, each result is of the version that it names."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from cli.servers import Postgres, Valkey, free_port
from shared import db
from tests import constants
from tests.api.test_metrics import parsed, value
from tests.conftest import HOUSE, Service, copy_database, environment, eventually, redis_url, serving

MOVES = 12
CLIENTS = 8
ROWS = 400
CSV = "\n".join([",".join(HOUSE), *[",".join(map(str, HOUSE.values()))] * ROWS]).encode()


@pytest.fixture(scope="module")
def swapping(
    template: str, running: tuple[Postgres, Valkey], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Service, Service]]:
    """housing:1 says 1 and housing:2 says 2, behind two API processes."""
    url, folder = copy_database(template), tmp_path_factory.mktemp("swapping")
    with environment(DATABASE_URL=url, MODELS_URL=str(folder / "models")):
        constants.publish(1)
        constants.publish(2)
        with db.transaction() as session:
            session.execute(text("UPDATE versions SET slice_records = 50"))
    port = str(free_port())
    with serving(url, redis_url(running[1], 6), folder / "models", folder, METRICS_PORT=port) as service:
        other = Service(service.env, tmp_path_factory.mktemp("other"), free_port())
        other.start("api")
        eventually(other.is_live)
        yield service, other
        other.stop("api")


class Load:
    """Clients that ask without a pause until they are told to stop; what was wrong, and how long each answer took."""

    def __init__(self, *services: Service) -> None:
        self.over = threading.Event()
        self.wrong: list[Any] = []
        self.seconds: list[float] = []
        self.seen: set[int] = set()
        # Users are made here and not in the threads: that changes the environment of this process for a moment.
        workers = [(services[number % len(services)].user(), self.single) for number in range(CLIENTS)]
        workers += [(services[0].user(), self.bulk)]
        self.threads = [threading.Thread(target=self.run, args=worker) for worker in workers]

    def __enter__(self) -> "Load":
        for thread in self.threads:
            thread.start()
        eventually(lambda: len(self.seconds) > 50 or self.wrong)
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join(30)

    def run(self, http: httpx.Client, ask: Any) -> None:
        with http:
            while not self.over.is_set():
                try:
                    ask(http)
                except Exception as error:
                    self.wrong.append(repr(error))

    def single(self, http: httpx.Client) -> None:
        began, headers = time.perf_counter(), {"Prefer": "wait=20"}
        if len(self.seconds) % 2:
            headers["Idempotency-Key"] = str(time.perf_counter_ns())  # which takes another way through the API
        response = http.post("/predict", json=HOUSE, headers=headers)
        self.seconds.append(time.perf_counter() - began)
        job = response.json()
        if response.status_code != 200 or job["output"]["value"] != job["model"]["version"]:
            self.wrong.append(job)
        else:
            self.seen.add(job["model"]["version"])

    def bulk(self, http: httpx.Client) -> None:
        job = http.post("/jobs", content=CSV, headers={"Content-Type": "text/csv"}).json()
        done = http.get(f"/jobs/{job['id']}?wait=20").json()
        values = [row["value"] for row in http.get(f"/jobs/{job['id']}/results?format=json").json()]
        wanted = ("succeeded", {job["model"]["version"]}, ROWS)
        if (found := (done["status"], set(values), len(values))) != wanted:
            self.wrong.append((wanted, found))


def move(admin: httpx.Client, version: int) -> None:
    assert admin.put("/models/housing/aliases/champion", json={"version": version}).status_code == 200


def test_a_version_changes_under_load(swapping: tuple[Service, Service]) -> None:
    service, other = swapping
    with service.admin() as admin, other.user() as elsewhere, Load(service, other) as load:
        for number in range(MOVES):
            version = 2 - number % 2
            move(admin, version)
            for http in (admin, elsewhere):  # accepted after the answer, so of this version, wherever
                job = http.post("/predict", json=HOUSE).json()
                assert job["model"]["version"] == version
            seen = len(load.seconds)
            eventually(lambda seen=seen: len(load.seconds) > seen + CLIENTS or load.wrong)
    assert not load.wrong
    assert load.seen == {1, 2}


def test_a_job_that_waited_is_scored_by_the_version_that_it_names(swapping: tuple[Service, Service]) -> None:
    service, _ = swapping
    service.stop("worker")
    with service.admin() as admin:
        move(admin, 1)
        waiting = [admin.post("/predict", json=HOUSE).json()]
        waiting.append(admin.post("/jobs", content=CSV, headers={"Content-Type": "text/csv"}).json())
        move(admin, 2)
        waiting.append(admin.post("/predict", json=HOUSE).json())
        service.start("worker")
        done = [admin.get(f"/jobs/{job['id']}?wait=30").json() for job in waiting]
        assert [job["model"]["version"] for job in done] == [1, 1, 2]
        assert [done[0]["output"]["value"], done[2]["output"]["value"]] == [1, 2]
        line = admin.get(f"/jobs/{waiting[1]['id']}/results?format=json").json()
        assert {row["value"] for row in line} == {1}


def loads(service: Service) -> float:
    """How often a process of the worker has loaded a version."""
    answer = httpx.get(f"http://127.0.0.1:{service.env['METRICS_PORT']}/metrics")
    return value(parsed(answer.text), "scoreline_model_load_seconds_count")


def test_a_version_is_loaded_once_a_process_and_before_its_first_job(swapping: tuple[Service, Service]) -> None:
    service, _ = swapping
    with service.admin() as admin:
        move(admin, 1)
    eventually(lambda: loads(service) >= 4)  # the champion and the newest, by both processes
    before = loads(service)
    with environment(**service.env):
        number = constants.publish(7).number
    eventually(lambda: loads(service) == before + 2)
    for path in Path(service.env["MODELS_URL"]).iterdir():
        path.rename(path.with_suffix(".away"))
    with service.user() as user:
        jobs = [user.post(f"/predict/housing:{number}", json=HOUSE).json()["id"] for _ in range(50)]
        done = [user.get(f"/jobs/{job}?wait=20").json() for job in jobs]
    assert {job["output"]["value"] for job in done} == {7}
    assert loads(service) == before + 2
