"""Reading jobs, predictions, models and the state of the service."""

import asyncio
import json
import re
import time
from typing import Any

import httpx
import pytest

from tests.api.test_predict import WAIT, assert_problem
from tests.conftest import Service

House = dict[str, Any]
UNKNOWN = "0199c1e8-0000-7000-8000-000000000000"


@pytest.fixture
def job(http: httpx.Client, house: House) -> Any:
    return http.post("/predict", json=house, headers=WAIT).json()


def test_a_job_is_what_the_document_says(http: httpx.Client, job: Any) -> None:
    from api.answers import Job

    for one in (job, http.get(job["urls"]["self"]).json(), http.get("/jobs").json()["items"][0]):
        assert set(one) == set(Job.model_fields)
        Job.model_validate(one)


def test_a_job_is_not_sent_twice(http: httpx.Client, job: Any) -> None:
    path = job["urls"]["self"]
    etag = http.get(path).headers["etag"]
    assert http.get(path, headers={"If-None-Match": etag}).status_code == 304
    assert http.get(path, headers={"If-None-Match": f'"x", W/{etag}'}).status_code == 304
    assert http.get(path, headers={"If-None-Match": '"x"'}).status_code == 200


@pytest.mark.parametrize("path", [f"/jobs/{UNKNOWN}", "/jobs/7", "/jobs/%00", f"/jobs/{UNKNOWN}?wait=5"])
def test_an_unknown_job_is_404_at_once_never_pending(http: httpx.Client, path: str) -> None:
    began = time.monotonic()
    assert_problem(http.get(path), 404, "not_found")
    assert time.monotonic() - began < 4


def test_nobody_sees_what_is_another_users(service: Service, job: Any) -> None:
    with service.user() as other:
        assert_problem(other.get(f"/jobs/{job['id']}"), 404, "not_found")
        assert_problem(other.get(f"/predictions/{job['id']}.0"), 404, "not_found")
        assert other.get("/jobs").json() == {"items": [], "next": None}
        assert other.get("/jobs", params={"after": job["id"]}).json()["items"] == []
        assert other.get("/predictions").json()["items"] == []
        assert other.get("/predictions", params={"job": job["id"]}).json()["items"] == []


@pytest.mark.parametrize(
    "path",
    ["/jobs", f"/jobs/{UNKNOWN}", "/predictions", f"/predictions/{UNKNOWN}.0", "/models", "/models/housing", "/queue"],
)
def test_reading_needs_a_key(service: Service, path: str) -> None:
    assert_problem(httpx.get(service.url + path), 401, "unauthorized")


@pytest.mark.parametrize("path", ["/jobs", "/predictions"])
def test_pages_follow_each_other_without_gap_or_repetition(http: httpx.Client, house: House, path: str) -> None:
    made = [http.post("/predict", json=house, headers=WAIT).json()["id"] for _ in range(5)]
    seen: list[str] = []
    following: str | None = f"{path}?limit=2"
    while following:
        page = http.get(following)
        seen += [item.get("job", item["id"]) for item in page.json()["items"]]
        link = re.match(r"<(.*)>; rel=\"next\"", page.headers.get("link", ""))
        assert bool(link) == bool(page.json()["next"])
        following = link[1] if link else None
    assert seen == made[::-1]


def test_metadata_finds_a_job(http: httpx.Client, house: House) -> None:
    made = http.post("/predict?meta.order=7&meta.shop=x", json=house).json()["id"]
    http.post("/predict?meta.order=8", json=house)
    assert [job["id"] for job in http.get("/jobs?meta.order=7").json()["items"]] == [made]
    assert http.get("/jobs?meta.order=7&meta.shop=y").json()["items"] == []


def test_filters(http: httpx.Client, job: Any) -> None:
    for path in ("/jobs", "/predictions"):
        assert len(http.get(path, params={"model": "housing"}).json()["items"]) == 1
        assert len(http.get(path, params={"model": "housing:1"}).json()["items"]) == 1
        assert http.get(path, params={"model": "housing:2"}).json()["items"] == []
        assert http.get(path, params={"model": "iris"}).json()["items"] == []
        assert_problem(http.get(path, params={"model": "housing@champion"}), 422, "invalid")
    assert len(http.get("/jobs?status=succeeded").json()["items"]) == 1
    assert http.get("/jobs?status=failed").json()["items"] == []


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "after=x", "status=done", "after=%27%3B--"])
def test_bad_queries(http: httpx.Client, query: str) -> None:
    assert_problem(http.get(f"/jobs?{query}"), 422, "invalid")


def test_the_log_of_predictions(http: httpx.Client, job: Any, house: House) -> None:
    [item] = http.get("/predictions").json()["items"]
    assert (item["id"], item["input"], item["output"]) == (f"{job['id']}.0", house, job["output"])
    assert http.get(f"/predictions/{item['id']}").json() == item
    for missing in (
        f"{job['id']}.1",
        f"{UNKNOWN}.0",
        "x",
        f"{job['id']}",
        f"{job['id']}.-1",
        f"{job['id']}.99999999999",
    ):
        assert_problem(http.get(f"/predictions/{missing}"), 404, "not_found")


def test_models(http: httpx.Client, house: House) -> None:
    [version] = http.get("/models/housing").json()["items"]
    assert (version["ref"], version["aliases"], version["is_active"]) == ("housing:1", ["champion"], True)
    assert version["inputs"] == list(house)
    assert version["training"]["synthetic"] is True
    assert {"mse", "rmse", "mae", "r2", "interval"} <= version["metrics"].keys()
    assert version in http.get("/models").json()["items"]
    assert set(http.get("/models/housing/schema").json()["properties"]) == set(house)
    for missing in ("nothing", "%00", "housing%00", "x" * 5000):
        assert_problem(http.get(f"/models/{missing}"), 404, "not_found")
    assert_problem(http.get("/models/nothing/schema"), 404, "not_found")


def test_the_example_works(http: httpx.Client) -> None:
    example = http.get("/models/housing@champion/example").json()
    assert http.post("/predict", json=example, headers=WAIT).json()["status"] == "succeeded"


def test_queue_and_health(service: Service, http: httpx.Client) -> None:
    queue = http.get("/queue").json()
    assert [lane["lane"] for lane in queue["lanes"]] == ["single", "bulk"]
    assert queue["workers"][0]["slots"] == 2
    assert queue["flower"] is None
    health = httpx.get(f"{service.url}/health").json()
    assert {health[part]["status"] for part in ("database", "redis", "workers", "models")} == {"ok"}
    assert httpx.get(f"{service.url}/health/ready").status_code == 200
    assert httpx.get(f"{service.url}/health/live").json() == {"status": "ok"}
    assert httpx.get(f"{service.url}/ping").text == "pong"


def test_the_document_is_typed_by_the_default_model_and_its_example_works(
    service: Service, http: httpx.Client, house: House
) -> None:
    document = httpx.get(f"{service.url}/openapi.json").json()
    record = document["components"]["schemas"]["Record"]
    assert set(record["properties"]) == set(house)
    assert http.post("/predict", json=record["example"], headers=WAIT).json()["status"] == "succeeded"
    assert httpx.get(f"{service.url}/docs").status_code == 200
    routes = httpx.get(service.url, headers={"Accept": "application/json"}).json()["routes"]
    assert set(routes) == set(document["paths"])


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/nothing", 404), ("DELETE", "/jobs", 405), ("GET", "/predict", 405)]
)
def test_addresses_that_are_not_there(http: httpx.Client, method: str, path: str, status: int) -> None:
    assert_problem(http.request(method, path), status, "not_found" if status == 404 else "method_not_allowed")


def test_a_thousand_waiting_clients_cost_no_thread_and_no_connection(service: Service, house: House) -> None:
    """While nobody works, a thousand wait; the API goes on answering from its few threads and connections."""
    import signal

    import psutil

    api = psutil.Process(service.processes["api"].pid)

    async def wait_for(job: str) -> str:
        """By hand, as HTTPX takes 8 s of a core for a thousand."""
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        writer.write(
            f"GET /jobs/{job}?wait=50 HTTP/1.1\r\nHost: a\r\nX-API-Key: {key}\r\nConnection: close\r\n\r\n".encode()
        )
        answer = await reader.read()
        writer.close()
        return str(json.loads(answer.partition(b"\r\n\r\n")[2])["status"])

    async def scenario(job: str) -> tuple[list[str], int, float]:
        waiting = [asyncio.create_task(wait_for(job)) for _ in range(1000)]
        while api.num_fds() < 1000:
            await asyncio.sleep(0.05)
        began = time.monotonic()
        await asyncio.to_thread(user.get, "/jobs?limit=1")
        took, threads = time.monotonic() - began, api.num_threads()
        for process in pool:
            process.send_signal(signal.SIGCONT)
        return await asyncio.gather(*waiting), threads, took

    worker = psutil.Process(service.processes["worker"].pid)
    pool = [worker, *worker.children()]
    for process in pool:
        process.send_signal(signal.SIGSTOP)
    with service.user() as user:
        key = user.headers["X-API-Key"]
        job = user.post("/predict", json=house).json()["id"]
        statuses, threads, took = asyncio.run(scenario(job))
    assert statuses == ["succeeded"] * 1000
    assert threads < 60
    assert took < 5
