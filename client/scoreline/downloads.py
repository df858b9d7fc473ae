"""Results on their way from the service."""

from collections.abc import AsyncGenerator
from typing import Any

from scoreline.service import Service
from scoreline.sinks import Sink

Query = dict[str, str]


async def download(service: Service[Any], path: str, query: Query, opened: Sink) -> None:
    """All of it, from its beginning."""
    opened.begin()
    async with service.link.stream(path, query) as chunks:
        async for data in chunks:
            opened.write(data)
    opened.finish()


async def lines(service: Service[Any], path: str, query: Query) -> AsyncGenerator[bytes, None]:
    """Line by line as they come."""
    left = b""
    async with service.link.stream(path, query) as chunks:
        async for data in chunks:
            *whole, left = (left + data).split(b"\n")
            for line in whole:
                yield line
