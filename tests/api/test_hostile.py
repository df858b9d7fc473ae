"""Hostile input, byte by byte over the wire: a clear answer each, nothing written, nothing forged."""

import gzip
import json
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest

from tests.conftest import HOUSE, Service, eventually
from tests.fuzz import books
from tests.fuzz.hostile import FORGED, HOUSES, Answer, sent, written

JSON = {"Content-Type": "application/json"}
SQL = "%27%29%3B%20DROP%20TABLE%20jobs%3B%20--"


def record(**changes: str) -> bytes:
    """A house in whose JSON these values stand as they are written."""
    values = {name: json.dumps(value) for name, value in HOUSE.items()} | changes
    return ("{" + ", ".join(f'"{name}": {value}' for name, value in values.items()) + "}").encode()


def envelope(metadata: str) -> bytes:
    return b'{"input": %s, "metadata": %s}' % (HOUSES, metadata.encode())


# What is sent as a record, and what it is answered with. tests/api/test_predict.py has the faults of JSON itself.
RECORDS = {
    "2**63": (record(longitude="9223372036854775808"), 422),
    "2**64 and beyond": (record(longitude="1" + "0" * 300), 422),
    "beyond every float": (record(longitude="1" + "0" * 400), 400),
    "minus beyond": (record(longitude="-1e309"), 400),
    "a NUL for a number": (record(longitude='"\\u0000"'), 422),
    "half of a pair": (record(longitude='"\\udfff"'), 400),
    "a NUL as a name": (record(**{"\\u0000": "1"}), 422),
    "nested": (record(longitude="[" * 100_000 + "]" * 100_000), 400),
    "an object for a number": (record(longitude='{"$gt": 0}'), 422),
    "UTF-16": (HOUSES.decode().encode("utf-16"), 400),
    "Latin-1": (record(note='"\xe9"').decode().encode("latin-1"), 400),
    "two objects": (HOUSES + HOUSES, 400),
    "a bomb": (gzip.compress(b" " * (8 << 20)), 400),
}
ENVELOPES = {
    "a NUL in metadata": (envelope('{"a": "\\u0000"}'), 422),
    "half a pair in metadata": (envelope('{"a": "\\ud800"}'), 400),
    "no text": (envelope('{"a": 9223372036854775808}'), 422),
    "a long name": (envelope('{"%s": "1"}' % ("a" * 65)), 422),
    "much of it": (envelope(json.dumps({str(number): "" for number in range(17)})), 422),
    "twice": (envelope('{"a": "1", "a": "2"}'), 400),
}
# Method, address and status.
ADDRESSES = [
    *(("GET", f"/jobs?{name}={SQL}", status) for name, status in (("after", 422), ("status", 422), ("model", 404))),
    *(("GET", f"/predictions?{name}={SQL}", status) for name, status in (("after", 422), ("job", 422), ("model", 404))),
    *(("GET", f"/users?{name}={SQL}", 422) for name in ("after", "username", "key", "limit")),
    ("GET", f"/jobs?meta.{SQL}=x", 200),
    ("GET", f"/jobs?meta.a={SQL}", 200),
    ("GET", "/jobs?meta.a=%00", 422),
    ("GET", "/jobs?meta.a=%ED%A0%80", 200),
    ("GET", f"/jobs?limit={2**63}", 422),
    ("GET", "/jobs?limit=1e999", 422),
    ("GET", f"/predictions?after=00000000-0000-0000-0000-000000000000.{2**31}", 422),
    ("GET", "/predictions?after=.0", 422),
    ("GET", "/predictions?after=", 422),
    ("GET", f"/jobs/{SQL}", 404),
    ("GET", "/jobs/%00", 404),
    ("GET", "/jobs/" + "a" * 5000, 404),
    ("GET", "/jobs/{job}?wait=NaN", 422),
    ("GET", "/jobs/{job}?wait=1e999", 422),
    ("GET", "/jobs/{job}/results?format=../../etc/passwd", 422),
    ("GET", "/jobs/{job}/results?include=__class__", 422),
    ("GET", "/jobs/../users", 404),
    ("GET", "//jobs", 404),
    ("GET", "/jobs/", 404),
    ("GET", "/jobs/%2e%2e/users/me", 404),
    ("GET", "/models/..%2f..%2fetc%2fpasswd/schema", 404),
    ("GET", f"/models/housing/versions/{2**63}", 404),
    ("GET", "/models/housing:1/aliases/champion", 404),
    ("GET", f"/models/{SQL}/schema", 404),
    ("TRACE", "/jobs", 405),
    ("PATCH", "/predict", 405),
    ("POST", "/predict/housing%00", 404),
    ("POST", "/predict?expires_in=1e999", 422),
    ("POST", "/predict?expires_in=" + "9" * 400, 422),
    ("POST", "/predict?meta.a=%00", 422),
    ("POST", "/predict?meta.a=" + "x" * 501, 422),
]
# Headers that are odd but harmless, on a download: it comes as it would without them.
ODD = [
    {"Accept": "text/csv;q=nan, application/json;q=1e999, ../../etc/passwd"},
    {"Accept": ",;,;" * 500},
    {"Accept": "%s%n{0.__class__}"},
    {"Prefer": "wait=99999999999999999999, wait=-1; respond-async"},
    {"Range": "bytes=0-18446744073709551616,-1"},
    {"If-None-Match": 'W/"' + "9" * 3000 + '", *x'},
    {"X-Request-ID": f"a {FORGED}"},
    {"X-Request-ID": "a" * 3000},
]
# What is no HTTP, or says two things about its length.
BROKEN = {
    "two lengths": {"Content-Length": "2\r\nContent-Length: 300"},
    "length and chunks": {"Transfer-Encoding": "chunked"},
    "a negative length": {"Content-Length": "-1"},
    "no length": {"Content-Length": "many"},
    "chunks that are none": {"Content-Length": "0\r\nTransfer-Encoding: xchunked"},
    "a NUL": {"X-Request-ID": "a\0b"},
    "a line break of another kind": {"X-Request-ID": f"a\x0b{FORGED}"},
}


class Wire:
    """The service, and a job of the user whose key is sent."""

    def __init__(self, service: Service, http: httpx.Client) -> None:
        self.service, self.key = service, http.headers["X-API-Key"]
        self.job = http.post("/predict", json=HOUSE, headers={"Prefer": "wait=30"}).json()["id"]

    def send(self, method: str, target: str, headers: Mapping[str, str], body: bytes = b"", ends: bool = False) -> Any:
        target = target.replace("{job}", self.job)
        return sent(self.service.port, written(method, target, {"X-API-Key": self.key, **headers}, body), ends)


@pytest.fixture(scope="module")
def wire(service: Service) -> Iterator[Wire]:
    with service.admin() as http:
        yield Wire(service, http)


@pytest.fixture(autouse=True)
def unharmed(wire: Wire) -> Iterator[None]:
    """Rows and queues are as they were; no stack trace is in the log, and no line that a client wrote."""
    before, logged = books.rows(wire.service.env), len(wire.service.log("api"))
    yield
    assert books.rows(wire.service.env) == before
    eventually(lambda: not books.hints(wire.service.env), 10)
    lines = wire.service.log("api")[logged:].splitlines()
    assert not [line for line in lines if "Traceback" in line or line.startswith((FORGED, "ERROR"))]


def assert_refused(answer: Answer | None, status: int) -> None:
    assert answer is not None
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json"), answer.body[:300]
    problem = json.loads(answer.body)
    assert problem["detail"]
    assert problem["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize("name", RECORDS)
def test_records(wire: Wire, name: str) -> None:
    assert_refused(wire.send("POST", "/predict", JSON, RECORDS[name][0]), RECORDS[name][1])


@pytest.mark.parametrize("name", ENVELOPES)
def test_envelopes(wire: Wire, name: str) -> None:
    assert_refused(wire.send("POST", "/predictions", JSON, ENVELOPES[name][0]), ENVELOPES[name][1])


@pytest.mark.parametrize(("method", "target", "status"), ADDRESSES)
def test_addresses(wire: Wire, method: str, target: str, status: int) -> None:
    answer = wire.send(method, target, JSON, HOUSES if method == "POST" else b"")
    if status == 200:
        assert answer.status == 200
        assert json.loads(answer.body)["items"] == []
    else:
        assert_refused(answer, status)


@pytest.mark.parametrize("headers", ODD)
def test_odd_headers_change_nothing(wire: Wire, headers: dict[str, str]) -> None:
    plain, odd = (wire.send("GET", "/jobs/{job}/results", one) for one in ({}, headers))
    assert (odd.status, odd.body) == (plain.status, plain.body) == (200, plain.body)
    assert not [name for name in odd.headers if FORGED in name]
    assert FORGED not in odd.headers["x-request-id"]


@pytest.mark.parametrize(
    "kind", ["", "text/html", "application/json, text/csv", "application/x-python-pickle", "a" * 900]
)
@pytest.mark.parametrize("route", ["/predict", "/jobs", "/users"])
def test_types_that_are_not_read(wire: Wire, route: str, kind: str) -> None:
    assert_refused(wire.send("POST", route, {"Content-Type": kind}, HOUSES), 415)


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_http(wire: Wire, name: str) -> None:
    answer = wire.send("POST", "/predict", JSON | BROKEN[name], HOUSES)
    assert answer is None or answer.status == 400


def test_a_body_longer_than_it_says(wire: Wire) -> None:
    """What is beyond is no request of its own."""
    second = written("POST", "/predict", {"X-API-Key": wire.key, **JSON}, HOUSES)
    assert_refused(wire.send("POST", "/predict", JSON | {"Content-Length": "2"}, b"{}" + HOUSES + second), 422)


def test_a_body_shorter_than_it_says(wire: Wire) -> None:
    answer = wire.send("POST", "/predict", JSON | {"Content-Length": "999"}, HOUSES, ends=True)
    assert answer is None or answer.status == 400


def test_a_request_id_cannot_forge_anything(wire: Wire) -> None:
    answer = wire.send("GET", f"/jobs/%0a{FORGED}", {"X-Request-ID": f"a\r\n {FORGED}: 1"})
    assert answer.status in (400, 404)
    assert FORGED not in str(answer.headers)
