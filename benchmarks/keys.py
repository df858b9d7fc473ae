"""What checking a key costs an API process: `python -m benchmarks.keys`."""

import asyncio
import os
import tempfile
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from statistics import quantiles
from typing import Any

from alembic.command import upgrade
from alembic.config import Config

from api.callers import Callers, look_up
from benchmarks.sides import issue_key
from cli.servers import servers

TIMES = 5_000


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, servers(Path(folder)) as (postgres, _):
        os.environ["DATABASE_URL"] = postgres.url
        upgrade(Config("alembic.ini"), "head")
        key = issue_key(postgres.url)
        asyncio.run(measure("believed, as all but the first of a second are", lambda: believed(key)))
        asyncio.run(measure("asked of the database", lambda: asked(key)))
        asyncio.run(measure("the same from the event loop, by way of a thread", lambda: by_thread(key)))


async def measure(what: str, made: Callable[[], Callable[[], Coroutine[Any, Any, object]]]) -> None:
    check, took = made(), []
    for _ in range(TIMES):
        began = time.perf_counter()
        await check()
        took.append(time.perf_counter() - began)
    percentiles = quantiles(took, n=100)
    print(f"{what}: median {percentiles[49] * 1000:.3f} ms, p99 {percentiles[98] * 1000:.3f} ms")


def believed(key: str) -> Callable[[], Coroutine[Any, Any, object]]:
    callers = Callers()
    return lambda: callers(key)


def asked(key: str) -> Callable[[], Coroutine[Any, Any, object]]:
    async def check() -> object:
        return look_up(key)

    return check


def by_thread(key: str) -> Callable[[], Coroutine[Any, Any, object]]:
    return lambda: asyncio.to_thread(look_up, key)


if __name__ == "__main__":
    main()
