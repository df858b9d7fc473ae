"""Wake-ups find their way back after Redis was gone."""

import asyncio
from contextlib import suppress
from typing import Any

import orjson
import pytest

from api import waiting
from api.waiting import Waiting
from cli.servers import Valkey
from shared import jobs, queue
from shared.settings import settings
from tests.conftest import environment
from tests.storm.proxy import Proxy


def test_a_wire_to_redis_that_went_dead_is_given_up(
    database: str, running: tuple[Any, Valkey], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "QUIET_SECONDS", 0.2)
    wire = Proxy(int(running[1].port or 0))

    async def woken(waits: Waiting) -> None:
        job = jobs.new_id()
        with waits.on(job) as watch:
            async with asyncio.timeout(20):
                while watch.news is None:
                    queue.redis().publish(queue.CHANNEL, orjson.dumps([{"id": str(job)}]))
                    await asyncio.sleep(0.05)

    async def run() -> None:
        waits = Waiting()
        with environment(REDIS_URL=settings().redis_url.replace(f":{running[1].port}/", f":{wire.port}/")):
            task = asyncio.create_task(waits.listen())
            await asyncio.sleep(0)
        await woken(waits)
        wire.half_open()
        wire.flow()
        await woken(waits)
        task.cancel()

    asyncio.run(run())
    wire.close()


def test_a_task_that_loses_the_first_cancel_does_not_hold_up_the_end() -> None:
    """As the one that listens to Redis did, now and then: the service never stopped."""

    async def deaf() -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        await asyncio.sleep(60)

    async def stop() -> None:
        waiting = Waiting()
        waiting.tasks = [asyncio.create_task(deaf())]
        await asyncio.sleep(0)
        await asyncio.wait_for(waiting.stop(), 10)

    asyncio.run(stop())
