"""What is read of a connection before there is a request: `uvicorn --http api.protocol:Protocol`."""

import asyncio

import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from shared.errors import HeadTooLarge, Malformed, ScorelineError, Stalled
from shared.settings import settings

MOST_HEADERS = 200


class Protocol(HttpToolsProtocol):
    """As uvicorn reads HTTP, which knows no end of a head that goes on and on, nor of one that never comes."""

    refusal: ScorelineError = Malformed("this is not HTTP/1.1, or more was sent than Content-Length says")
    in_head = True
    head_bytes = 0
    late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self.stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.in_head:
            self.head_bytes += len(data)
        super().data_received(data)
        if self.in_head and self.head_bytes and not self.transport.is_closing():
            self.wait_for_head()
            if self.head_bytes > settings().head_bytes:
                self.refuse(too_large())

    def on_headers_complete(self) -> None:
        self.in_head, self.head_bytes = False, 0
        self.stop_waiting()
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > settings().head_bytes or len(self.headers) > MOST_HEADERS:
            self.refusal = too_large()
            raise self.refusal  # the parser stops, and has `send_400_response` called
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self.in_head = True
        super().on_message_complete()

    def wait_for_head(self) -> None:
        if self.late is None:
            self.late = self.loop.call_later(settings().stall_seconds, self.refuse, TOO_LATE)

    def stop_waiting(self) -> None:
        if self.late is not None:
            self.late.cancel()
            self.late = None

    def refuse(self, problem: ScorelineError) -> None:
        self.refusal = problem
        self.send_400_response("")

    def send_400_response(self, msg: str) -> None:
        """The last that is said here. A request whose body was followed by what is none is not to be acted upon."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.cycle is None or not self.cycle.response_started or self.cycle.response_complete:
            self.transport.write(written(self.refusal))
        self.transport.close()


TOO_LATE = Stalled("the head of the request did not come in time")


def too_large() -> HeadTooLarge:
    return HeadTooLarge(
        f"a request may have {settings().head_bytes:,} bytes before its body, and {MOST_HEADERS} headers"
    )


def written(problem: ScorelineError) -> bytes:
    """The whole answer; it has no id, since there is no request yet."""
    body = orjson.dumps(problem.body())
    head = (b"content-type: application/problem+json", b"content-length: %d" % len(body), b"connection: close")
    return STATUS_LINE[problem.status] + b"\r\n".join((*head, b"", body))
