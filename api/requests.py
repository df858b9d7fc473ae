"""What happens to every request: it gets an id, and when it is over it is counted and gets a line in the log."""

import logging
import random
import re
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import counts
from api.headers import protecting
from shared.logs import JOB, REQUEST, USER

SANE = re.compile(rb"[A-Za-z0-9._-]{1,64}")
QUIET = ("/health", "/ping")

log = logging.getLogger("api")


class Requests:
    """Echoes X-Request-ID when it is a sane token and makes one otherwise; it is in every answer and log line."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        if b"range" in headers:  # nothing comes in parts, and Starlette answers a bad range in words of its own
            scope["headers"] = [pair for pair in scope["headers"] if pair[0] != b"range"]
        given = headers.get(b"x-request-id", b"")
        request_id = given if SANE.fullmatch(given) else b"%016x" % random.getrandbits(64)
        scope["request_id"] = request_id.decode()
        REQUEST.set(scope["request_id"])
        USER.set(None)
        JOB.set("")
        began = time.perf_counter()

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message["headers"]
                headers += [*protecting(headers), (b"x-request-id", request_id), *quotas(scope)]
                self.note(scope, message["status"], time.perf_counter() - began)
            await send(message)

        await self.app(scope, receive, send_with_id)

    def note(self, scope: Scope, status: int, seconds: float) -> None:
        counts.request(scope, status, seconds)
        level = logging.DEBUG if status < 500 or scope["path"].startswith(QUIET) else logging.WARNING
        if log.isEnabledFor(level):
            log.log(level, "%s %s %d %.1f ms", scope["method"], path_of(scope), status, seconds * 1000)


def path_of(scope: Scope) -> str:
    """The template of the route: what stands in its place may be anything."""
    return getattr(scope.get("route"), "path", "none")


def quotas(scope: Scope) -> list[tuple[bytes, bytes]]:
    """The headers that tell a user what is left of the limits."""
    left = scope.get("quotas")
    return left() if left else []
