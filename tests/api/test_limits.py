"""Limits of users and of all together, over two API processes whose wire to Redis can be cut, without a worker."""

import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import httpx
import pytest

from api.spool import no_room
from cli.servers import Postgres, Valkey
from shared.errors import NoRoom
from tests.api.test_bulk import CSV, file, line
from tests.api.test_predict import assert_problem, rows
from tests.conftest import HOUSE, Service, copy_database, eventually, redis_url
from tests.storm.proxy import Proxy

Someone = Callable[[], httpx.Client]
REQUESTS, DAY, WAITING, QUEUE = 30, 8, 5, 12
LIMITS = {
    "REQUESTS_PER_MINUTE": str(REQUESTS),
    "RECORDS_PER_DAY": str(DAY),
    "RECORDS_WAITING": str(WAITING),
    "QUEUE_RECORDS": str(QUEUE),
    "STREAMS_PER_USER": "2",
    "STREAMS": "3",
}


@pytest.fixture(scope="module")
def wire(running: tuple[Postgres, Valkey]) -> Iterator[Proxy]:
    proxy = Proxy(int(running[1].port or 0))
    yield proxy
    proxy.close()


@pytest.fixture(scope="module")
def pair(
    wire: Proxy,
    trained: tuple[str, Path],
    running: tuple[Postgres, Valkey],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Service, Service]]:
    """Two API processes with tight limits; to the other one every disk seems full."""
    # A number that no other test has: limits are counted there by the ids of users, which begin anew in each database.
    redis = redis_url(running[1], 9).replace(f":{running[1].port}/", f":{wire.port}/")
    env = {"DATABASE_URL": copy_database(trained[0]), "REDIS_URL": redis, "MODELS_URL": str(trained[1]), **LIMITS}
    both = (
        Service(env, tmp_path_factory.mktemp("one")),
        Service(env | {"SPOOL_FREE_BYTES": str(1 << 60)}, tmp_path_factory.mktemp("other")),
    )
    for service in both:
        service.start("api")
    try:
        for service in both:
            eventually(service.is_live)
        yield both
    finally:
        for service in both:
            service.stop("api")


@pytest.fixture
def someone(pair: tuple[Service, Service]) -> Iterator[Someone]:
    """New users of the first process; in the end nothing of theirs waits."""
    with ExitStack() as stack:

        def made() -> httpx.Client:
            client = stack.enter_context(pair[0].user())
            stack.callback(cancel_all, client)
            return client

        yield made


def cancel_all(client: httpx.Client) -> None:
    for job in client.get("/jobs").json().get("items", ()):
        client.post(job["urls"]["cancel"])


def submit(client: httpx.Client, **headers: str) -> httpx.Response:
    return client.post("/predict", json=HOUSE, headers=headers)


def upload(client: httpx.Client, records: int, **headers: str) -> httpx.Response:
    return client.post("/jobs", content=file(*[line()] * records), headers={**CSV, **headers})


def assert_refused(answer: httpx.Response, code: str, *words: str) -> None:
    assert_problem(answer, 429, code)
    assert int(answer.headers["retry-after"]) >= 1
    assert all(word in answer.json()["detail"] for word in words), answer.json()["detail"]


def early_in_a_minute() -> None:
    eventually(lambda: time.time() % 60 < 55)


def left(answer: httpx.Response) -> dict[str, int]:
    """What the RateLimit header says is left of each quota."""
    found = re.findall(r'"(\w+)";r=(\d+);t=\d+', answer.headers["ratelimit"])
    return {name: int(number) for name, number in found}


def test_requests_in_a_minute_are_counted_over_all_processes(pair: tuple[Service, Service], someone: Someone) -> None:
    one = someone()
    early_in_a_minute()
    with httpx.Client(base_url=pair[1].url, headers={"X-API-Key": one.headers["X-API-Key"]}) as other:
        answer = one.get("/queue")
        assert answer.headers["ratelimit-policy"] == f'"requests";q={REQUESTS};w=60, "records";q={DAY};w=86400'
        assert left(answer) == {"requests": REQUESTS - 1, "records": DAY}
        eventually(lambda: left(other.get("/queue"))["requests"] < REQUESTS - 3)
        eventually(lambda: one.get("/queue").status_code == 429)
        eventually(lambda: other.get("/queue").status_code == 429)
        assert_refused(other.get("/queue"), "too_many_requests", f"{REQUESTS}", "minute")
        assert left(other.get("/queue"))["requests"] == 0
        assert one.get("/health/live").status_code == one.get("/metrics").status_code == 200


def test_what_a_user_may_have_waiting(pair: tuple[Service, Service], someone: Someone) -> None:
    """Singles and files count together; what is refused writes nothing; what is canceled waits no more."""
    user = someone()
    jobs = [submit(user).json() for _ in range(WAITING - 2)]
    before = rows(pair[0])
    assert_refused(upload(user, 3), "too_many_waiting", f"{WAITING - 2} of your records", f"{WAITING}")
    assert rows(pair[0]) == before
    assert upload(user, 2).status_code == 202
    before = rows(pair[0])
    for refused in (submit(user), upload(user, 1)):
        assert_refused(refused, "too_many_waiting", "cancel")
    assert rows(pair[0]) == before
    user.post(jobs[0]["urls"]["cancel"])
    eventually(lambda: submit(user).status_code == 202)
    assert submit(user).status_code == 429


def test_what_a_user_may_submit_in_a_day(someone: Someone) -> None:
    """A request that is sent again counts once, and one that is refused does not."""
    user = someone()
    made = [upload(user, WAITING, **{"Idempotency-Key": "a"}).json()["id"] for _ in range(2)]
    assert made[0] == made[1]
    cancel_all(user)
    singles = [submit(user, **{"Idempotency-Key": "b"}) for _ in range(2)]
    assert singles[0].json()["id"] == singles[1].json()["id"]
    assert left(singles[1])["records"] == DAY - WAITING - 1
    assert user.post("/predict", json={"latitude": "x"}).status_code == 422
    assert_refused(upload(user, 3), "too_many_records", f"{WAITING + 1} of the {DAY}", "day")
    assert upload(user, 2).status_code == 202
    assert_refused(submit(user), "too_many_records", f"{DAY} of the {DAY}")


def test_what_can_never_fit_is_too_large(someone: Someone) -> None:
    assert_problem(upload(someone(), WAITING + 1), 413, "too_large")


def test_what_may_wait_of_all_together(pair: tuple[Service, Service], someone: Someone) -> None:
    users = [someone() for _ in range(3)]
    assert [upload(user, WAITING).status_code for user in users[:2]] == [202, 202]
    assert upload(users[2], QUEUE - 2 * WAITING).status_code == 202
    before = rows(pair[0])
    for refused in (submit(users[2]), upload(users[2], 1)):
        assert_refused(refused, "queue_full", f"{QUEUE}")
    assert rows(pair[0]) == before
    cancel_all(users[0])
    eventually(lambda: submit(users[2]).status_code == 202)


def test_a_redis_that_hangs_holds_nobody_up(pair: tuple[Service, Service], wire: Proxy, someone: Someone) -> None:
    """Limits hold on in each process; what it counted meanwhile is told when Redis is back."""
    user = someone()
    early_in_a_minute()
    wire.half_open()
    try:
        took = []
        for _ in range(4):
            began = time.monotonic()
            assert submit(user).status_code == 202
            took.append(time.monotonic() - began)
        assert median(took) < 0.5
        assert submit(user).status_code == 202
        assert_refused(submit(user), "too_many_waiting")
        eventually(lambda: "limits are not shared" in pair[0].log("api"))
    finally:
        wire.flow()
    with httpx.Client(base_url=pair[1].url, headers={"X-API-Key": user.headers["X-API-Key"]}) as other:
        eventually(lambda: submit(user) and left(other.get("/queue"))["records"] == DAY - WAITING)


def test_open_event_streams(someone: Someone) -> None:
    users = [someone() for _ in range(2)]
    jobs = [submit(user).json()["urls"] for user in users]
    parts: list[Iterator[bytes]] = []  # kept, or the streams would be closed
    with ExitStack() as open_ones:

        def follow(number: int, what: str) -> httpx.Response:
            address = jobs[number][what] + ("?follow=true" if what == "results" else "")
            answer = open_ones.enter_context(users[number].stream("GET", address))
            if answer.status_code == 200:
                parts.append(answer.iter_raw())
                next(parts[-1])
            else:
                answer.read()
            return answer

        assert [follow(0, "events").status_code for _ in range(2)] == [200, 200]
        assert_refused(follow(0, "events"), "too_many_streams", "you have 2", "wait=")
        assert follow(1, "events").status_code == 200
        assert_refused(follow(1, "results"), "too_many_streams", "all users together have 3")
    eventually(lambda: is_open(users[0], jobs[0]["events"]))


def test_event_streams_that_are_opened_at_the_same_moment(pair: tuple[Service, Service], someone: Someone) -> None:
    user = someone()
    address = submit(user).json()["urls"]["results"] + "?follow=true"
    with ExitStack() as links:
        opened = [links.enter_context(asked(pair[0], user, address)) for _ in range(12)]
        statuses = [link.recv(12)[-3:] for link in opened]
    assert sorted(statuses) == [b"200"] * 2 + [b"429"] * 10


def asked(service: Service, user: httpx.Client, address: str) -> socket.socket:
    """A connection with a request in it, whose answer nobody has read yet."""
    link = socket.create_connection(("127.0.0.1", service.port), timeout=20)
    link.sendall(f"GET {address} HTTP/1.1\r\nHost: x\r\nX-API-Key: {user.headers['X-API-Key']}\r\n\r\n".encode())
    return link


def is_open(client: httpx.Client, address: str) -> bool:
    with client.stream("GET", address) as answer:
        return answer.status_code == 200


def test_an_upload_needs_room_on_the_disk(pair: tuple[Service, Service]) -> None:
    with pair[1].user() as user:
        before = rows(pair[1])
        for answer in (upload(user, 1), user.post("/jobs", files={"file": ("h.csv", file(line()))})):
            assert_problem(answer, 503, "no_room")
            assert int(answer.headers["retry-after"]) >= 1
        assert rows(pair[1]) == before
        assert submit(user).status_code == 202
        cancel_all(user)


def test_a_disk_that_is_full_after_all_is_said_to_be() -> None:
    with pytest.raises(NoRoom), no_room(), open("/dev/full", "wb", buffering=0) as full:
        full.write(b"x")
