"""The client: HTTP/1.1 over connections that stay open, of requests made beforehand.

It shares the cores with what it measures, so it does as little as it can: about 0.04 ms of CPU for a request.
"""

import asyncio
import csv
import json
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from cli.servers import HOST

SAMPLE = Path(__file__).parents[1] / "data" / "housing_sample.csv"

END_OF_HEAD = b"\r\n\r\n"
LENGTH = b"content-length: "


class Answer(NamedTuple):
    status: int
    body: bytes


class Connection(asyncio.Protocol):
    """One connection; it asks again only when it was answered."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.received = b""
        self.answer: asyncio.Future[Answer] | None = None

    async def ask(self, request: bytes) -> Answer:
        self.answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self.answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, end, body = self.received.partition(END_OF_HEAD)
        if end and len(body) == length_in(head) and self.answer:
            self.received = b""
            self.answer.set_result(Answer(int(head[9:12]), body))

    def connection_lost(self, error: Exception | None) -> None:
        if self.answer and not self.answer.done():
            self.answer.set_exception(error or ConnectionError("the API closed the connection"))


def length_in(head: bytes) -> int:
    """What Content-Length says; all that is asked here is answered with one."""
    return int(head.lower().split(LENGTH, 1)[1].split(b"\r\n", 1)[0])


@asynccontextmanager
async def connected(port: int, count: int) -> AsyncIterator[list[Connection]]:
    loop = asyncio.get_running_loop()
    pairs = [await loop.create_connection(Connection, HOST, port) for _ in range(count)]
    try:
        yield [connection for _, connection in pairs]
    finally:
        for transport, _ in pairs:
            transport.close()


def request(method: str, path: str, body: bytes = b"", headers: Iterable[str] = ()) -> bytes:
    lines = (f"{method} {path} HTTP/1.1", f"Host: {HOST}", *headers, f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + END_OF_HEAD + body


def records() -> list[bytes]:
    """The sample's records as JSON bodies."""
    with open(SAMPLE) as file:
        return [json.dumps(without_target(row)).encode() for row in csv.DictReader(file)]


def without_target(row: dict[str, str]) -> dict[str, float | None]:
    return {name: float(value) if value else None for name, value in row.items() if name != "median_house_value"}


async def burst(port: int, connections: int, requests: Iterator[bytes], status: int) -> None:
    """Each connection sends one after another until there are no more; every answer must have this status."""
    async with connected(port, connections) as all_of_them, asyncio.TaskGroup() as group:
        for connection in all_of_them:
            group.create_task(send_all(connection, requests, status))


async def send_all(connection: Connection, requests: Iterator[bytes], status: int) -> None:
    for one in requests:
        expect(await connection.ask(one), status)


def expect(answer: Answer, status: int) -> Answer:
    if answer.status != status:
        raise RuntimeError(f"{answer.status} instead of {status}: {answer.body[:500].decode(errors='replace')}")
    return answer
