"""What holds around every request: heads, bodies, headers and the log of an API that is short of patience."""

import json
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from cli.servers import Postgres, Valkey
from tests.api.test_bulk import CSV, file, line
from tests.api.test_predict import assert_problem, rows
from tests.conftest import HOUSE, Service, copy_database, eventually, redis_url, serving_alone

HEAD_BYTES = 8192
OURS = "https://ours.example"
SECRET = "sk_00000000_" + "S" * 43
INPUT = "an-input-that-nobody-may-read"
FORGED = "\r\nCRITICAL audit: user.create by admin"


@pytest.fixture(scope="module")
def strict(
    trained: tuple[str, Path], running: tuple[Postgres, Valkey], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    settings = {"STALL_SECONDS": "0.5", "READ_SECONDS": "0.5", "HEAD_BYTES": str(HEAD_BYTES)}
    settings |= {"CORS_ORIGINS": OURS, "LOG_FORMAT": "json", "LOG_LEVEL": "DEBUG"}
    url, folder = copy_database(trained[0]), tmp_path_factory.mktemp("strict")
    with serving_alone(url, redis_url(running[1], 5), trained[1], folder, **settings) as service:
        yield service


@pytest.fixture
def user(strict: Service) -> Iterator[httpx.Client]:
    with strict.user() as client:
        yield client


def said(service: Service, *parts: bytes) -> bytes:
    """All that comes back until the connection is closed, which it has to be."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as link:
        for part in parts:
            link.sendall(part)
        answer = b""
        while piece := link.recv(65536):
            answer += piece
        return answer


def post(path: str, key: str, length: int, body: bytes, kind: str = "application/json") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\nContent-Type: {kind}\r\nContent-Length: {length}"
    return head.encode() + b"\r\n\r\n" + body


def assert_refused(answer: bytes, status: int, code: str) -> None:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status), answer
    assert b"content-type: application/problem+json" in head.lower()
    assert (problem := json.loads(body))["code"] == code
    assert problem["status"] == status


@pytest.mark.parametrize(
    "head",
    [
        b"GET /ping HTTP/1.1\r\nX-Long: " + b"x" * HEAD_BYTES + b"\r\n\r\n",
        b"GET /ping HTTP/1.1\r\nX-Endless: " + b"x" * HEAD_BYTES * 2,
        b"GET /ping?" + b"x" * HEAD_BYTES + b" HTTP/1.1\r\n\r\n",
        b"GET /ping HTTP/1.1\r\n" + b"A: b\r\n" * 201 + b"\r\n",
    ],
    ids=["header", "endless", "address", "number"],
)
def test_a_head_that_is_too_large(strict: Service, head: bytes) -> None:
    assert_refused(said(strict, head), 431, "head_too_large")


@pytest.mark.parametrize(
    "more", [b"0\r\n" + b"A: b\r\n" * HEAD_BYTES, b"0\r\nA: " + b"b" * 20 * HEAD_BYTES, b"2;" + b"c" * 2**20]
)
def test_what_stands_between_and_behind_the_parts_of_a_body_ends_somewhere(strict: Service, more: bytes) -> None:
    """Also of who has no key, and has had an answer."""
    start = b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"
    refused = pytest.raises((ConnectionError, TimeoutError))
    with refused, socket.create_connection(("127.0.0.1", strict.port), timeout=20) as link:
        link.sendall(start)
        for _ in range(20):
            link.sendall(more)
            time.sleep(0.01)  # for the refusal to come back


def test_a_body_behind_an_offer_to_speak_something_else_is_no_second_request(
    strict: Service, user: httpx.Client
) -> None:
    """Java's client and `curl --http2` make one."""
    body, key = json.dumps(HOUSE).encode(), user.headers["X-API-Key"]
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\nHost:"
    head, _, _ = post("/predict", key, len(body), b"").replace(b"Host:", offer).partition(b"\r\n\r\n")
    last = b"\r\n\r\nGET /ping HTTP/1.1\r\nConnection: close\r\n\r\n"
    assert said(strict, head + b"\r\n\r\n", body, last[4:]).count(b"HTTP/1.1 202 ") == 1
    assert said(strict, head + b"\r\n\r\n" + body + last[4:]).endswith(b"pong")


@pytest.mark.parametrize("start", [b"", b"GET /ping HTT", b"GET /ping HTTP/1.1\r\nHost: x\r\nA:"])
def test_a_head_that_does_not_come(strict: Service, start: bytes) -> None:
    assert_refused(said(strict, start), 408, "stalled")


def test_a_head_in_small_pieces_is_one(strict: Service) -> None:
    parts = [b"GET /ping HTTP/1.1\r\n", b"Host: x\r\n", b"Connection: close\r\n", b"\r\n"]
    assert said(strict, *parts).endswith(b"pong")


@pytest.mark.parametrize(
    ("path", "kind", "start"),
    [
        ("/predict", "application/json", b'{"median_'),
        ("/jobs", "text/csv", file(line())),
        ("/jobs", "multipart/form-data; boundary=cut", b'--cut\r\nContent-Disposition: form-data; name="file"; '),
        ("/users/me/keys", "application/json", b""),
    ],
)
def test_a_body_that_stalls(strict: Service, user: httpx.Client, path: str, kind: str, start: bytes) -> None:
    """Also one that is shorter than its Content-Length says."""
    before = rows(strict)
    assert_refused(said(strict, post(path, user.headers["X-API-Key"], len(start) + 1, start, kind)), 408, "stalled")
    assert rows(strict) == before


def test_an_answer_that_nobody_reads_is_not_kept(strict: Service) -> None:
    before = open_connections(strict)
    with socket.socket() as link:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        link.settimeout(20)
        link.connect(("127.0.0.1", strict.port))
        link.sendall(b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n" * 20)  # 1.4 MB each
        eventually(lambda: open_connections(strict) > before)
        eventually(lambda: open_connections(strict) == before)


def open_connections(service: Service) -> int:
    """Of clients of the API."""
    import psutil

    found = psutil.Process(service.processes["api"].pid).net_connections()
    return sum(one.status == "ESTABLISHED" and one.laddr.port == service.port for one in found)


def test_a_body_that_goes_on_after_its_answer_is_not_read_for_ever(strict: Service) -> None:
    with socket.create_connection(("127.0.0.1", strict.port), timeout=20) as link:
        link.sendall(post("/predict", SECRET, 1 << 30, b""))
        assert link.recv(12) == b"HTTP/1.1 401"
        with pytest.raises(ConnectionError):
            eventually(lambda: link.send(b" ") == 0)


def test_a_file_that_says_it_is_too_large_is_refused_before_it_is_sent(strict: Service, user: httpx.Client) -> None:
    with socket.create_connection(("127.0.0.1", strict.port), timeout=20) as link:
        link.sendall(post("/jobs", user.headers["X-API-Key"], 1 << 62, b"", "text/csv"))
        assert link.recv(12) == b"HTTP/1.1 413"


def test_a_body_that_is_longer_than_it_says(strict: Service, user: httpx.Client) -> None:
    before, body = rows(strict), json.dumps(HOUSE).encode()
    answer = said(strict, post("/predict", user.headers["X-API-Key"], len(body), body + b"}} and more\r\n\r\n"))
    assert_refused(answer, 400, "malformed")
    assert rows(strict) == before


@pytest.mark.parametrize(
    "headers",
    [
        b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: 2\r\nContent-Length: 3\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: 1e3\r\n",
        b"A\0B: c\r\n",
        b"A: b\0c\r\n",
        b" A: b\r\n",
    ],
)
def test_heads_that_can_be_read_in_two_ways(strict: Service, headers: bytes) -> None:
    answer = said(strict, b"POST /predict HTTP/1.1\r\nHost: x\r\n" + headers + b"\r\n0\r\n\r\n")
    assert_refused(answer, 400, "malformed")


ALWAYS = {"x-content-type-options": "nosniff", "referrer-policy": "no-referrer"}


@pytest.mark.parametrize("path", ["/ping", "/health", "/queue", "/jobs", "/nothing", "/docs", "/openapi.json"])
def test_what_every_answer_says_to_browsers(user: httpx.Client, path: str) -> None:
    answer = user.get(path)
    assert {name: answer.headers.get(name) for name in ALWAYS} == ALWAYS
    policy = answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert path == "/docs" or "default-src 'none'" in policy


def test_the_page_of_the_routes_needs_nothing_from_elsewhere(user: httpx.Client) -> None:
    page = user.get("/docs").text
    assert not re.search(r"<script>|<style|style=|onload", page)
    parts = [user.get(name) for name in re.findall(r'(?:src|href)="([^"]+)"', page)]
    kinds = [part.headers["content-type"].partition(";")[0] for part in parts]
    assert kinds == ["text/css", "image/png", "text/javascript", "text/javascript"]
    assert_problem(user.get("/docs/redoc.standalone.js"), 404, "not_found")


def test_what_is_a_users_is_not_kept_by_others(user: httpx.Client) -> None:
    job = user.post("/predict", json=HOUSE)
    assert job.headers["cache-control"] == user.get("/users/me").headers["cache-control"] == "no-store"
    read = user.get(job.headers["location"])
    assert read.headers["etag"]
    assert read.headers["cache-control"] == "private, no-cache"
    assert user.get(f"{job.headers['location']}/results?format=csv").headers["cache-control"] == "no-store"


def ask_before(client: httpx.Client, origin: str) -> httpx.Response:
    wanted = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    return client.options("/predict", headers={"Origin": origin, **wanted})


def test_pages_of_other_origins_may_not_read_answers(service: Service, http: httpx.Client) -> None:
    assert "access-control-allow-origin" not in http.get("/queue", headers={"Origin": OURS}).headers
    assert ask_before(http, OURS).status_code == 405


def test_pages_of_origins_that_are_named_may(user: httpx.Client) -> None:
    answer = user.get("/queue", headers={"Origin": OURS})
    assert answer.headers["access-control-allow-origin"] == OURS
    assert "RateLimit" in answer.headers["access-control-expose-headers"]
    assert ask_before(user, OURS).headers["access-control-allow-origin"] == OURS
    for strange in ("https://theirs.example", "null", OURS + ".evil.example"):
        assert "access-control-allow-origin" not in user.get("/queue", headers={"Origin": strange}).headers
        assert ask_before(user, strange).status_code == 400


def test_the_log_has_no_secret_and_no_input_and_each_line_is_one(strict: Service, user: httpx.Client) -> None:
    me = user.get("/users/me").json()
    odd = [
        user.get(f"/jobs/{INPUT}"),
        user.get("/jobs", params={"after": INPUT + FORGED}),
        user.get(f"/{INPUT}%0d%0aCRITICAL audit: user.create by admin"),
        user.post("/predict", json={**HOUSE, "median_income": INPUT, INPUT: FORGED}),
        user.post("/predict", content=f'{{"a": "{INPUT}'),
        user.post(f"/predict?meta.a={INPUT}", json=HOUSE, headers={"X-Request-ID": INPUT + " CRITICAL"}),
        user.post("/jobs", content=file(f'"{INPUT}",1,2'), headers=CSV),
        user.post("/users/me/keys", json={"name": INPUT}),
        user.put("/users/me", json={"email": f"{INPUT}@example.org", "username": INPUT}),
        httpx.get(f"{strict.url}/queue", headers={"Authorization": f"Bearer {SECRET}"}),
        httpx.get(f"{strict.url}/queue", headers={"X-API-Key": SECRET + FORGED.replace("\r\n", "")}),
    ]
    said(strict, INPUT.encode() + FORGED.encode() + b"\r\n\r\n")
    assert all(answer.status_code < 500 for answer in odd)
    [found] = [one for one in logged(strict) if one.get("request_id") == odd[0].headers["x-request-id"]]
    assert (found["logger"], found["level"], found["user"]) == ("api", "DEBUG", me["id"])
    assert found["message"].startswith("GET /jobs/{job_id} 404")
    text = strict.log("api")
    for hidden in (INPUT, SECRET, "S" * 43, user.headers["X-API-Key"], "SELECT", "INSERT"):
        assert hidden not in text, hidden
    assert not any(one["level"] == "CRITICAL" for one in logged(strict))


def logged(service: Service) -> list[dict[str, str]]:
    """Every line is an object, but for the warnings of Python, which come before there is a log."""
    return [json.loads(one) for one in service.log("api").splitlines() if "UserWarning" not in one and one[0] != " "]


def test_a_line_of_a_job_names_it(strict: Service, user: httpx.Client) -> None:
    answer = user.get(user.post("/predict", json=HOUSE).headers["location"])
    [found] = [one for one in logged(strict) if one.get("request_id") == answer.headers["x-request-id"]]
    assert found["job"] == answer.json()["id"]
