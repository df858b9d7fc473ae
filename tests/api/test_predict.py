"""One record in, a job out: against the real API and the real worker."""

import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from sqlalchemy import create_engine, text

from shared.settings import settings, with_driver
from tests.conftest import Service

House = dict[str, Any]
WAIT = {"Prefer": "wait=20"}


def rows(service: Service) -> int:
    engine = create_engine(with_driver(service.env["DATABASE_URL"]))
    with engine.connect() as connection:
        count = connection.scalar(text("SELECT (SELECT count(*) FROM jobs) + (SELECT count(*) FROM slices)"))
    engine.dispose()
    return count or 0


def test_a_job_from_submission_to_result(http: httpx.Client, house: House) -> None:
    answer = http.post("/predict", json=house)
    job = answer.json()
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/jobs/{job['id']}" == job["urls"]["self"]
    assert answer.headers["retry-after"] == "1"
    assert (job["status"], job["output"], job["model"]) == ("pending", None, {"name": "housing", "version": 1})
    assert job["input"] == house
    done = http.get(job["urls"]["self"], params={"wait": 20}).json()
    assert (done["status"], done["progress"]) == ("succeeded", 1.0)
    assert done["records"] == {"total": 1, "succeeded": 1, "failed": 0}
    assert done["output"]["low"] < done["output"]["value"] < done["output"]["high"]
    assert 20_000 < done["output"]["value"] < 800_000
    assert done["created_at"] <= done["started_at"] <= done["finished_at"]


@pytest.mark.parametrize("path", ["/predict", "/predict/housing", "/predict/housing:1", "/predict/housing@champion"])
def test_prefer_wait_answers_with_the_finished_job(http: httpx.Client, house: House, path: str) -> None:
    answer = http.post(path, json=house, headers=WAIT)
    assert answer.status_code == 200
    assert answer.headers["preference-applied"] == "wait=20"
    assert answer.json()["status"] == "succeeded"


def test_what_may_be_missing(http: httpx.Client, house: House) -> None:
    del house["total_bedrooms"]
    job = http.post("/predict", json=house, headers=WAIT).json()
    assert job["input"]["total_bedrooms"] is None
    assert job["output"]["value"] > 0


def test_the_envelope(http: httpx.Client, house: House) -> None:
    body = {"model": "housing:1", "input": house, "metadata": {"order": "7"}}
    job = http.post("/predictions", json=body, headers=WAIT).json()
    assert (job["status"], job["metadata"]) == ("succeeded", {"order": "7"})


def test_under_api_v1_too(http: httpx.Client, house: House) -> None:
    assert http.post("/api/v1/predict", json=house, headers=WAIT).json()["status"] == "succeeded"


def test_metadata_and_expiry_in_the_query(http: httpx.Client, house: House) -> None:
    job = http.post("/predict?meta.order=7&expires_in=3600", json=house).json()
    assert job["metadata"] == {"order": "7"}


def test_the_same_key_gets_the_same_job(http: httpx.Client, house: House) -> None:
    headers = {"Idempotency-Key": "order-7"}
    first = http.post("/predict", json=house, headers=headers)
    again = http.post("/predict", json=house, headers=headers | WAIT)
    assert first.json()["id"] == again.json()["id"]
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json()["status"] == "succeeded"
    other = http.post("/predict", json=house | {"households": 5}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


def test_many_at_once_with_one_key_make_one_job(http: httpx.Client, house: House) -> None:
    def send(_: int) -> str:
        answer = http.post("/predict", json=house, headers={"Idempotency-Key": "burst"})
        assert answer.status_code == 202
        return str(answer.json()["id"])

    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(send, range(32)))) == 1


def test_a_key_belongs_to_its_user(service: Service, http: httpx.Client, house: House) -> None:
    headers = {"Idempotency-Key": "mine"}
    mine = http.post("/predict", json=house, headers=headers).json()["id"]
    with service.user() as other:
        assert other.post("/predict", json=house, headers=headers).json()["id"] != mine


def test_requests_that_arrive_together_are_each_answered(http: httpx.Client, house: House) -> None:
    def send(number: int) -> tuple[int, Any]:
        record = house | ({"rooms": 1} if number % 4 == 0 else {"households": number})
        answer = http.post("/predict", json=record, headers=WAIT)
        return answer.status_code, answer.json()

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(send, range(1, 65)))
    for number, (status, body) in enumerate(answers, start=1):
        if number % 4 == 0:
            assert status == 422
        else:
            assert (status, body["input"]["households"]) == (200, number)


BAD: list[tuple[str, int, str, str]] = [
    ('{"median_incme": 8.3}', 422, "invalid", 'did you mean "median_income"?'),
    ("{}", 422, "invalid", '"longitude" is missing; housing:1 needs it'),
    ('{"longitude": "far"}', 422, "invalid", "must be a number, not text"),
    ('{"longitude": null}', 422, "invalid", "must not be null"),
    ('{"longitude": 181}', 422, "invalid", "must be at most 180"),
    ('{"longitude": NaN}', 400, "malformed", "NaN and Infinity are not numbers of JSON"),
    ('{"longitude": -Infinity}', 400, "malformed", "NaN and Infinity are not numbers of JSON"),
    ('{"longitude": 1e999}', 400, "malformed", "infinity"),
    ('{"longitude": 1, "longitude": 2}', 400, "malformed", "stands twice"),
    ('{"\\ud800": 1}', 400, "malformed", "not JSON"),
    ("[" * 100_000, 400, "malformed", "not JSON"),
    ("", 400, "malformed", "the body is empty"),
    ("price?", 400, "malformed", "not JSON"),
    ("[1]", 422, "invalid", "must be a JSON object of features, not a list"),
    ("[" * 990 + "]" * 990, 400, "malformed", "nested too deeply"),
    ('{"a":' * 1000 + "1" + "}" * 1000, 400, "malformed", "nested too deeply"),
    ("{" + ", ".join(f'"f{number}": 1' for number in range(50_000)) + ', "f1": 2}', 400, "malformed", "stands twice"),
    ("null", 422, "invalid", "must be a JSON object of features, not null"),
]


@pytest.mark.parametrize(("body", "status", "code", "detail"), BAD)
def test_bad_input_is_one_clear_problem_and_nothing_is_written(
    service: Service, http: httpx.Client, body: str, status: int, code: str, detail: str
) -> None:
    before = rows(service)
    answer = http.post("/predict", content=body, headers={"Content-Type": "application/json"})
    assert_problem(answer, status, code)
    assert detail in answer.text.replace('\\"', '"')
    assert rows(service) == before


def assert_problem(answer: httpx.Response, status: int, code: str) -> None:
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert problem["title"]
    assert problem["detail"]


@pytest.mark.parametrize("ref", ["nothing", "housing:99", "housing@nobody", "HOUSING", "housing:x"])
def test_a_model_that_is_not_there(http: httpx.Client, house: House, ref: str) -> None:
    assert_problem(http.post(f"/predict/{ref}", json=house), 404, "not_found")


@pytest.mark.parametrize(
    ("envelope", "detail"),
    [
        ({}, "must be an object with"),
        ({"input": {}, "extra": 1}, '"extra" is not understood here'),
        ({"input": {}, "model": 7}, '"model" must be text'),
        ({"input": {}, "metadata": {"a": 1}}, "metadata must be an object of strings"),
        ({"input": {}, "metadata": {"a": "x" * 501}}, "at most 500"),
    ],
)
def test_a_bad_envelope(http: httpx.Client, envelope: Any, detail: str) -> None:
    answer = http.post("/predictions", json=envelope)
    assert_problem(answer, 422, "invalid")
    assert detail in answer.json()["detail"]


@pytest.mark.parametrize(
    "query", ["expires_in=0", "expires_in=-1", "expires_in=soon", "expires_in=1e9", "expires_in=nan"]
)
def test_a_bad_expiry(http: httpx.Client, house: House, query: str) -> None:
    assert_problem(http.post(f"/predict?{query}", json=house), 422, "invalid")


def test_the_body_is_counted_as_it_streams_in(service: Service, http: httpx.Client) -> None:
    """The answer comes while most of the body has not been sent."""
    lines = ("POST /predict HTTP/1.1", "Host: x", f"X-API-Key: {http.headers['x-api-key']}", "Content-Length: 99999999")
    head = "\r\n".join((*lines, "", ""))
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as link:
        link.sendall(head.encode() + b" " * (settings().predict_bytes + 1))
        assert link.recv(1000).startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize("key", ["", "a b", "x" * 256])
def test_a_bad_idempotency_key(http: httpx.Client, house: House, key: str) -> None:
    assert_problem(http.post("/predict", json=house, headers={"Idempotency-Key": key}), 400, "malformed")


@pytest.mark.parametrize(
    "headers", [{}, {"X-API-Key": "sk_wrong"}, {"Authorization": "Basic abc"}, {"Authorization": "Bearer"}]
)
def test_without_a_key(service: Service, house: House, headers: dict[str, str]) -> None:
    answer = httpx.post(f"{service.url}/predict", json=house, headers=headers)
    assert_problem(answer, 401, "unauthorized")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_key_as_bearer(service: Service, http: httpx.Client, house: House) -> None:
    bearer = {"Authorization": f"Bearer {http.headers['x-api-key']}"}
    assert httpx.post(f"{service.url}/predict", json=house, headers=bearer).status_code == 202


def test_a_sane_request_id_is_echoed_and_another_is_not(http: httpx.Client) -> None:
    assert http.get("/ping", headers={"X-Request-ID": "abc-1"}).headers["x-request-id"] == "abc-1"
    assert http.get("/ping", headers={"X-Request-ID": "a b"}).headers["x-request-id"] != "a b"
