"""What is read of a connection before there is a request: `uvicorn --http api.protocol:Protocol`."""

import asyncio

import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from api.parser import Parser
from shared.errors import HeadTooLarge, Malformed, ScorelineError, Stalled
from shared.settings import settings

MOST_HEADERS = 200
LOOK_SECONDS = 0.1
NOT_HTTP = Malformed("this is not HTTP/1.1, or more was sent than Content-Length says")


class Protocol(HttpToolsProtocol):
    """As uvicorn reads HTTP, which knows no end of a head that goes on and on, nor of what does not come.

    A request that came whole, as most do, costs no timer.
    """

    refusal: ScorelineError = NOT_HTTP
    in_head = True
    head_bytes = 0  # also of what comes behind a body, and between its parts
    heard_at = 0.0
    late: asyncio.TimerHandle | None = None
    unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.parser = Parser(self, self.head_without_offer)
        self.expect_more()

    def connection_lost(self, exc: Exception | None) -> None:
        self.expect_nothing()
        self.expect_no_reading()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self.head_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing() or (self.in_head and not self.head_bytes):
            return
        if self.head_bytes > settings().head_bytes:
            self.refuse(too_large())
        else:
            self.expect_more()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.in_head:  # and not behind a body, where there is no end of them
            super().on_header(name, value)

    def on_body(self, body: bytes) -> None:
        self.head_bytes = 0
        super().on_body(body)

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade():
            if self.parser.get_method() == b"CONNECT":
                raise NOT_HTTP
            return  # what else is offered is passed over, and the head read once more
        came, self.in_head, self.head_bytes = self.head_bytes, False, 0
        if len(self.headers) > MOST_HEADERS or (came > settings().head_bytes and self.is_too_large()):
            self.refusal = too_large()
            raise self.refusal  # the parser stops, and has `send_400_response` called
        super().on_headers_complete()

    def is_too_large(self) -> bool:
        """Without what came of the body together with the head."""
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        return size > settings().head_bytes

    def head_without_offer(self) -> bytes:
        first = b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        lines = (b"%s: %s" % header for header in self.headers if header[0] != b"upgrade")
        return b"\r\n".join((first, *lines, b"", b""))

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        self.in_head, self.head_bytes = True, 0
        self.expect_nothing()
        super().on_message_complete()

    def expect_more(self) -> None:
        self.heard_at = self.loop.time()
        if self.late is None:
            self.late = self.loop.call_later(settings().stall_seconds, self.look_whether_more_came)

    def expect_nothing(self) -> None:
        if self.late is not None:
            self.late.cancel()
            self.late = None

    def look_whether_more_came(self) -> None:
        """A head has that long in all, a body for each of its parts; what is not read for now is not awaited.

        What comes of a body after the answer has that long, too: it is thrown away, and may be endless.
        """
        self.late = None
        is_awaited = not self.in_head and not self.cycle.response_complete
        began = self.heard_at if is_awaited else 0.0
        left = began + settings().stall_seconds - self.loop.time()
        if self.flow.read_paused or left > 0:
            self.late = self.loop.call_later(max(left, LOOK_SECONDS), self.look_whether_more_came)
        else:
            self.refuse(Stalled(f"nothing more of the request came for {settings().stall_seconds:g} s"))

    def pause_writing(self) -> None:
        super().pause_writing()
        self.look_whether_it_is_read(0)

    def resume_writing(self) -> None:
        self.expect_no_reading()
        super().resume_writing()

    def look_whether_it_is_read(self, before: int) -> None:
        """Whoever has taken nothing of an answer for so long is hung up on, or what is held for it stays for ever."""
        left = self.transport.get_write_buffer_size()
        if left == before:
            self.transport.abort()
        else:
            self.unread = self.loop.call_later(settings().read_seconds, self.look_whether_it_is_read, left)

    def expect_no_reading(self) -> None:
        if self.unread is not None:
            self.unread.cancel()
            self.unread = None

    def refuse(self, problem: ScorelineError) -> None:
        self.refusal = problem
        self.send_400_response("")

    def send_400_response(self, msg: str) -> None:
        """The last that is said here, unless an answer has begun; what came before it is not to be acted upon."""
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
        if cycle is None or not cycle.response_started or (cycle.response_complete and self.in_head):
            self.transport.write(written(self.refusal))
        self.transport.close()


def too_large() -> HeadTooLarge:
    return HeadTooLarge(
        f"a request may have {settings().head_bytes:,} bytes before its body, and {MOST_HEADERS} headers"
    )


def written(problem: ScorelineError) -> bytes:
    """The whole answer; it has no id, since there is no request yet."""
    body = orjson.dumps(problem.body())
    head = (b"content-type: application/problem+json", b"content-length: %d" % len(body), b"connection: close")
    return STATUS_LINE[problem.status] + b"\r\n".join((*head, b"", body))
