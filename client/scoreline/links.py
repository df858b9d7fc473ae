"""How requests travel: through HTTPX, either so that the caller waits, or beside others in an event loop."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import httpx

from scoreline.answers import Answer, json_of, problem_of
from scoreline.errors import ScorelineError, Unreachable, Unusable
from scoreline.link import LOOK_SECONDS, Found, Request, finished, looking

SILENT_SECONDS = 120  # between two slices of a job that is followed; then it is asked for again
UNSENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
)
STREAMED = httpx.Timeout(SILENT_SECONDS, connect=30)


class Reach:
    """Knows whether something has answered at the address."""

    def __init__(self, url: str) -> None:
        if not url.startswith(("http://", "https://")):
            raise Unusable(f'the address "{url}" of the service must begin with http:// or https://')
        self.url, self.was_there = url, False

    @contextmanager
    def reaching(self) -> Iterator[None]:
        try:
            yield
        except httpx.TransportError as error:
            is_sent = not isinstance(error, UNSENT)
            detail = f"{self.url} does not answer ({error or type(error).__name__}); is the service running?"
            raise Unreachable(detail, is_sent, self.was_there or is_sent) from None  # 70 lines of sockets
        self.was_there = True


class Blocking(Reach):
    """A Link on which the caller waits."""

    def __init__(self, url: str, headers: dict[str, str], timeout: float) -> None:
        super().__init__(url)
        self.http = httpx.Client(base_url=url, headers=headers, timeout=timeout, verify=is_encrypted(url))

    async def ask(self, request: Request) -> Answer:
        content = request.upload.chunks() if request.upload else None
        with self.reaching():
            return json_of(self.http.request(content=content, **words(request)), request.fine)

    @asynccontextmanager
    async def stream(self, path: str, params: Mapping[str, str]) -> AsyncIterator[AsyncIterator[bytes]]:
        with self.reaching(), self.http.stream("GET", path, params=params, timeout=STREAMED) as response:
            if response.status_code != httpx.codes.OK:
                response.read()
                raise problem_of(response)
            yield one_by_one(response.iter_bytes())

    async def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    async def aside(self, call: Callable[[], Found]) -> Found:
        return call()

    @asynccontextmanager
    async def beside(self, look: Callable[[], Awaitable[object]]) -> AsyncIterator[None]:
        with looking(lambda: finished(awaited(look))):
            yield


class Concurrent(Reach):
    """A Link in an event loop."""

    def __init__(self, url: str, headers: dict[str, str], timeout: float) -> None:
        super().__init__(url)
        self.http = httpx.AsyncClient(base_url=url, headers=headers, timeout=timeout, verify=is_encrypted(url))

    async def ask(self, request: Request) -> Answer:
        content = one_by_one(request.upload.chunks()) if request.upload else None
        with self.reaching():
            return json_of(await self.http.request(content=content, **words(request)), request.fine)

    @asynccontextmanager
    async def stream(self, path: str, params: Mapping[str, str]) -> AsyncIterator[AsyncIterator[bytes]]:
        with self.reaching():
            async with self.http.stream("GET", path, params=params, timeout=STREAMED) as response:
                if response.status_code != httpx.codes.OK:
                    await response.aread()
                    raise problem_of(response)
                yield response.aiter_bytes()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def aside(self, call: Callable[[], Found]) -> Found:
        return await asyncio.to_thread(call)

    @asynccontextmanager
    async def beside(self, look: Callable[[], Awaitable[object]]) -> AsyncIterator[None]:
        async def again() -> None:
            while True:
                await asyncio.sleep(LOOK_SECONDS)
                with suppress(ScorelineError):  # whoever waits will say it
                    await look()

        task = asyncio.create_task(again())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def is_encrypted(url: str) -> bool:
    """Certificates take 27 ms to load, and plain HTTP on this machine has none."""
    return not url.startswith("http://")


def words(request: Request) -> dict[str, Any]:
    """What HTTPX calls it."""
    found: dict[str, Any] = {name: getattr(request, name) for name in ("params", "headers", "json", "method")}
    found["url"] = request.path
    if request.seconds is not None:
        found["timeout"] = httpx.Timeout(request.seconds, connect=30)
    return found


async def one_by_one(items: Iterable[bytes]) -> AsyncIterator[bytes]:
    for item in items:
        yield item


async def awaited(look: Callable[[], Awaitable[object]]) -> None:
    await look()
