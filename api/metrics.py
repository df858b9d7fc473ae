"""What Prometheus asks for."""

import asyncio
import os

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, REGISTRY, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from api.callers import known, secret_in
from api.gauges import Queue
from api.state import Shared, State
from shared.errors import DatabaseAway, Unauthorized
from shared.keys import digest

router = APIRouter(tags=["health"])
FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # prometheus_client's own name for where several processes count together
PATIENCE_SECONDS = 3.0  # for the key and again for the queue: Prometheus gives up after 10

# The keys that were good at an earlier scrape, as hashes. While the database is away they still are: Prometheus must
# be able to learn that it is away.
_good: set[str] = set()


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(request: Request, state: Shared) -> Response:
    """Numbers for Prometheus: what this process counted, and the queue. Nothing of any user; with any key."""
    await admit(request)
    queue = await seen(state)
    return Response(generate_latest(counted()) + generate_latest(queue), media_type=CONTENT_TYPE_PLAIN_0_0_4)


async def admit(request: Request) -> None:
    key = digest(secret_in(request))
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await known(request)
    except Unauthorized:
        _good.discard(key)
        raise
    except (DatabaseAway, TimeoutError) as error:
        if key not in _good:
            raise DatabaseAway("the database does not answer, so this key cannot be checked") from error
    else:
        _good.add(key)


async def seen(state: State) -> Queue:
    """The queue, unless the database takes too long; who hangs there holds up one thread, not one a scrape."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await state.queue(None)
    except TimeoutError:
        return Queue()


def counted() -> Collector:
    """What this process counted, or all that share a folder."""
    return MultiProcessCollector(None) if FOLDER in os.environ else REGISTRY


def leave() -> None:
    """What this process had in use is not in use any more; what it counted stays in the folder."""
    if FOLDER in os.environ:
        mark_process_dead(os.getpid())
