"""What Prometheus is told by the API."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg2
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import make_url, text
from sqlalchemy.orm import Session

from api.gauges import Queue, look
from cli.servers import Postgres, Valkey
from shared import db, jobs, users
from shared.jobs import NewJob
from shared.tables import Lane
from tests.api.test_predict import WAIT, assert_problem
from tests.conftest import Service, copy_database, eventually, redis_url, serving_alone
from tests.shared.test_jobs import make_version

House = dict[str, Any]
Labels = dict[str, str]


def scrape(http: httpx.Client) -> dict[str, list[tuple[Labels, float]]]:
    answer = http.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return parsed(answer.text)


def parsed(written: str) -> dict[str, list[tuple[Labels, float]]]:
    found: dict[str, list[tuple[Labels, float]]] = {}
    for family in text_string_to_metric_families(written):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def value(numbers: dict[str, list[tuple[Labels, float]]], name: str, **labels: str) -> float:
    """The sum of what has these labels."""
    return sum(number for having, number in numbers.get(name, []) if having.items() >= labels.items())


def test_it_needs_a_key(service: Service) -> None:
    assert_problem(httpx.get(f"{service.url}/metrics"), 401, "unauthorized")
    stranger = {"Authorization": f"Bearer sk_00000000_{'a' * 43}"}
    assert_problem(httpx.get(f"{service.url}/metrics", headers=stranger), 401, "unauthorized")


def test_requests_are_counted_by_the_template_of_their_route(service: Service, http: httpx.Client) -> None:
    before = scrape(http)
    for path in ("/jobs/made-up", "/api/v1/jobs/also-made-up", "/jobs/0199c1e8-0000-7000-8000-000000000000"):
        http.get(path)
    http.request("PROPFIND", "/jobs/made-up")
    http.get("/no/such/place")
    after = scrape(http)
    counted = "scoreline_requests_total"
    expected = {
        ("GET", "/jobs/{job_id}", "404"): 3,
        ("other", "/jobs/{job_id}", "405"): 1,
        ("GET", "none", "404"): 1,
        ("GET", "/metrics", "200"): 1,
    }
    for (method, route, status), times in expected.items():
        labels = {"method": method, "route": route, "status": status}
        assert value(after, counted, **labels) - value(before, counted, **labels) == times, labels
    took = {"method": "GET", "route": "/jobs/{job_id}"}
    count = "scoreline_request_seconds_count"
    assert value(after, count, **took) - value(before, count, **took) == 3
    routes = {labels["route"] for labels, _ in after[counted]}
    assert not [route for route in routes if "made-up" in route or "/v1" in route or "0199" in route]
    assert all(set(labels) == {"method", "route", "status"} for labels, _ in after[counted])


def test_what_is_accepted_is_counted_once_it_is_stored(http: httpx.Client, house: House) -> None:
    before = scrape(http)
    http.post("/predict", json=house, headers=WAIT)
    http.post("/predict", json=house, headers={"Idempotency-Key": "a"})
    http.post("/predict", json=house, headers={"Idempotency-Key": "a"})  # a replay makes no job
    http.post("/predict", json={**house, "longitude": "west"})  # nor does what is refused
    table = {"columns": list(house), "data": [list(house.values()), ["x", *list(house.values())[1:]]]}
    assert http.post("/jobs", json=table).status_code == 202
    http.post("/jobs?on_error=reject", json=table)
    after = scrape(http)

    def grown(name: str, **labels: str) -> float:
        return value(after, name, model="housing", **labels) - value(before, name, model="housing", **labels)

    assert (grown("scoreline_jobs_accepted_total", lane="single"), grown("scoreline_jobs_accepted_total")) == (2, 3)
    assert grown("scoreline_records_accepted_total", lane="single") == 2
    assert grown("scoreline_records_accepted_total", lane="bulk") == 2
    assert grown("scoreline_records_refused_total") == 1


def test_nothing_in_it_is_of_a_user(service: Service, house: House) -> None:
    with service.user("scrapey") as http:
        job = http.post("/predict?meta.secret=tulip", json=house).json()
        text = http.get("/metrics").text
    assert not [word for word in ("scrapey", "tulip", job["id"], http.headers["x-api-key"][:11]) if word in text]


def test_who_works_and_what_the_database_is_asked(http: httpx.Client) -> None:
    numbers = scrape(http)
    for lane in Lane:
        assert value(numbers, "scoreline_workers", lane=lane) == 1
        assert value(numbers, "scoreline_worker_slots", lane=lane) == 2
    assert value(numbers, "scoreline_database_up") == 1
    assert value(numbers, "scoreline_database_pool_size", pool="statement") == 8
    assert value(numbers, "scoreline_database_pool_checked_out") == 0, "nothing is asked but this, which is over"
    assert not re.search("_created ", http.get("/metrics").text)


def gauges(queue: Queue) -> dict[tuple[str, ...], float]:
    found = [sample for family in queue.collect() for sample in family.samples]
    return {(sample.name, *sample.labels.values()): sample.value for sample in found}


def test_the_depth_and_the_age_of_the_queue(database: str) -> None:
    with db.transaction() as session:
        owner, version = users.create(session, "a@example.org", "a").id, make_version(session)
        jobs.accept(session, [NewJob(jobs.new_id(), owner, version, [[1.0]], {}) for _ in range(3)])
        jobs.claim(session, Lane.SINGLE, "w", 10, most=1)
        age(session)
    [queue] = look([None])
    found = gauges(queue)
    assert found["scoreline_queue_slices", "single", "pending"] == 2
    assert found["scoreline_queue_slices", "single", "running"] == 1
    assert found["scoreline_queue_records", "single", "pending"] == 2
    assert found["scoreline_queue_records", "single", "running"] == 1
    assert 7200 <= found["scoreline_queue_oldest_seconds", "single"] < 7300
    assert found["scoreline_queue_oldest_seconds", "bulk"] == 0
    assert found["scoreline_workers", "single"] == 0


def age(session: Session) -> None:
    """One has waited for two hours; the other came long before, and is tried again in an hour."""
    old, later = session.scalars(text("SELECT id FROM slices WHERE status = 'pending' ORDER BY id")).all()
    at = text("UPDATE slices SET available_at = clock_timestamp() + CAST(:away AS interval) WHERE id = :id")
    session.execute(at, {"away": "-2 h", "id": old})
    session.execute(at, {"away": "1 h", "id": later})
    session.execute(text("UPDATE slices SET created_at = created_at - interval '1 day'"))


@pytest.fixture
def api(trained: tuple[str, Path], running: tuple[Postgres, Valkey], tmp_path: Path) -> Iterator[Service]:
    """An API on a database of its own, and no worker."""
    with serving_alone(copy_database(trained[0]), redis_url(running[1], 3), trained[1], tmp_path) as service:
        yield service


def open_to(service: Service, *statements: str) -> None:
    url = make_url(service.env["DATABASE_URL"]).set(drivername="postgresql")
    link = psycopg2.connect(url.set(database="postgres").render_as_string(hide_password=False))
    link.autocommit = True
    with link.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement.format(name=url.database))
    link.close()


SHUT = (
    "ALTER DATABASE {name} ALLOW_CONNECTIONS false",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'",
)


def test_a_database_that_is_away_is_told_to_who_was_let_in_before(api: Service) -> None:
    with api.user() as known, api.user() as stranger:
        assert value(scrape(known), "scoreline_database_up") == 1
        open_to(api, *SHUT)
        try:
            for _ in range(2):
                numbers = scrape(known)
                assert numbers["scoreline_database_up"] == [({}, 0)]
                assert not [name for name in numbers if name.startswith(("scoreline_queue", "scoreline_worker"))]
                assert value(numbers, "scoreline_requests_total", route="/metrics") > 0
            assert_problem(stranger.get("/metrics"), 503, "database_away")
        finally:
            open_to(api, "ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        eventually(lambda: value(scrape(known), "scoreline_database_up") == 1)
        assert value(scrape(stranger), "scoreline_database_up") == 1
