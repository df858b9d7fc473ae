"""What Prometheus is told by a worker, of all its processes."""

import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from prometheus_client import REGISTRY
from prometheus_client.multiprocess import MultiProcessCollector
from sqlalchemy import text

from cli.processes import command_line
from cli.servers import Postgres, Valkey, free_port
from shared import db, jobs, users
from shared.jobs import Changed, Claimed, NewJob, Result
from shared.tables import Lane, Version
from tests.api.test_metrics import parsed, value
from tests.conftest import ROOT, Service, copy_database, environment, eventually, redis_url, serving
from worker import models, tasks

House = dict[str, Any]
SAMPLE = ROOT / "data" / "housing_sample.csv"
RECORDS = 10_000
SCORED = "scoreline_records_scored_total"


@pytest.fixture(scope="module")
def counting(
    trained: tuple[str, Path], running: tuple[Postgres, Valkey], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service of small slices, whose worker answers /metrics."""
    url, folder = copy_database(trained[0]), tmp_path_factory.mktemp("counting")
    with environment(DATABASE_URL=url), db.transaction() as session:
        session.execute(text("UPDATE versions SET slice_records = 200"))
    settings = {"METRICS_PORT": str(free_port()), "LEASE_SECONDS": "1", "TMPDIR": str(folder)}
    with serving(url, redis_url(running[1], 4), trained[1], folder, **settings) as service:
        yield service


def numbers(service: Service) -> Any:
    return parsed(httpx.get(f"http://127.0.0.1:{service.env['METRICS_PORT']}/metrics").text)


def folder(service: Service) -> Path:
    [found] = service.folder.glob("scoreline-metrics-*")
    return found


def children(service: Service, words: str) -> list[psutil.Process]:
    found = psutil.Process(service.processes["worker"].pid).children()
    return [child for child in found if words in command_line(child.pid)]


def score_sample(service: Service) -> None:
    with service.user() as http:
        job = http.post("/jobs", content=SAMPLE.read_bytes(), headers={"Content-Type": "text/csv"}).json()
        assert http.get(f"/jobs/{job['id']}?wait=30").json()["status"] == "succeeded"


def scored_by_each(service: Service) -> list[float]:
    """From the file of each process."""
    found = [MultiProcessCollector.merge([str(file)]) for file in sorted(folder(service).glob("counter_[0-9]*.db"))]
    families = [{family.name: family for family in merged} for merged in found]
    return [sum(sample.value for sample in each["scoreline_records_scored"].samples) for each in families]


def test_the_processes_are_added_up_and_one_that_is_killed_loses_nothing(counting: Service) -> None:
    score_sample(counting)
    eventually(lambda: value(numbers(counting), SCORED) == RECORDS)
    each = scored_by_each(counting)
    assert len(each) == 2
    assert min(each) > 0
    assert sum(each) == RECORDS
    before = numbers(counting)
    assert value(before, "scoreline_scoring_seconds_count", lane="bulk") == RECORDS / 200
    assert value(before, "scoreline_slice_waiting_seconds_count", lane="bulk") == RECORDS / 200
    assert value(before, "scoreline_model_load_seconds_count", model="housing") == 2
    assert value(before, "scoreline_model_cache_hits_total", model="housing") == RECORDS / 200, "it was there before"
    assert value(before, "scoreline_jobs_finished_total", status="succeeded") == 1
    assert value(before, "scoreline_database_pool_size", pool="statement") == 16

    files = set(folder(counting).iterdir())
    killed = children(counting, "celery")[0]
    killed.kill()
    eventually(lambda: len({*children(counting, "celery")} - {killed}) == 2)
    assert value(numbers(counting), SCORED) == RECORDS
    score_sample(counting)
    eventually(lambda: value(numbers(counting), SCORED) == 2 * RECORDS)
    assert value(numbers(counting), "scoreline_database_pool_size", pool="statement") == 16
    assert value(numbers(counting), "scoreline_database_pool_checked_out") == 0
    assert set(folder(counting).iterdir()) == files, "the files do not grow with the processes that died"


def test_what_a_dead_worker_held_is_counted_when_it_is_taken_back(counting: Service) -> None:
    rescued, failed = "scoreline_relay_rescued_slices_total", "scoreline_records_failed_total"
    before = numbers(counting)
    with environment(**counting.env), db.transaction() as session:
        owner = users.create(session, "dead@example.org", "dead").id
        version = session.query(Version).one()
        record = [[version.example[name["name"]] for name in version.signature["inputs"]]]
        jobs.accept(session, [NewJob(jobs.new_id(), owner, version.id, record, {})])
        jobs.claim(session, Lane.SINGLE, "dead", lease_seconds=0.0)
    eventually(lambda: value(numbers(counting), SCORED, lane="single") == 1)
    after = numbers(counting)
    assert value(after, rescued) - value(before, rescued) == 1
    assert value(after, "scoreline_relay_resent_hints_total", lane="single") >= 1
    waited = value(after, "scoreline_slice_waiting_seconds_count", lane="single")
    assert waited == 0, "its first claim was the dead one's"
    assert value(after, failed) == 0


def test_the_exporter_comes_back_and_ends_with_its_worker(counting: Service) -> None:
    [exporter] = children(counting, "worker.exporter")
    of_this_machine = [one.laddr.ip for one in exporter.net_connections("tcp") if one.status == psutil.CONN_LISTEN]
    assert of_this_machine == ["127.0.0.1"]
    shared, scored = folder(counting), value(numbers(counting), SCORED)
    exporter.kill()

    def answers_again() -> bool:
        try:
            return value(numbers(counting), SCORED) == scored
        except httpx.TransportError:
            return False

    eventually(answers_again)
    [exporter] = children(counting, "worker.exporter")
    counting.stop("worker", signal.SIGKILL)
    eventually(lambda: not shared.exists() and not exporter.is_running())


def test_only_what_was_settled_here_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(models._names, 7, "counted")
    refused, failed = {"offset": 0, "refused": True, "code": "x"}, {"offset": 2, "code": "model_error"}
    outputs: list[list[Any] | None] = [None, [1.0], None, [1.0]]
    inputs: Any = [None, [1.0], [2.0], [3.0]]
    mine, lost = (Claimed(number, jobs.new_id(), 7, 1, 0, 0, 4, inputs, [refused]) for number in (1, 2))
    again = replace(mine, id=3, attempt=2, outputs=[None, [1.0], None, None])  # the second record had its output
    results = [Result(claimed.id, claimed.attempt, outputs, [refused, failed]) for claimed in (mine, lost, again)]
    changed = Changed(mine.job_id, 2, "running", 8, 1, 1, 0, 0, None, None)
    assert tasks.count(Lane.BULK, [mine, lost, again], results, [changed]) == 3 + 2
    labels = {"lane": "bulk", "model": "counted"}
    assert REGISTRY.get_sample_value(SCORED, labels) == 2 + 1
    assert REGISTRY.get_sample_value("scoreline_records_failed_total", labels) == 2


def test_without_a_port_nothing_more_runs(service: Service) -> None:
    pool = children(service, "")
    assert len(pool) == 2
    assert not children(service, "worker.exporter")
    assert not [child for child in pool if "scoreline-metrics" in Path(f"/proc/{child.pid}/maps").read_text()]
