"""What the requests of one process share."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Annotated, TypeVar
from uuid import UUID

from fastapi import Depends, Request

from api.accept import Accepted, Asked, accept
from api.callers import Callers
from api.downloads import Downloads
from api.gauges import Queue, look
from api.limits import Limits
from api.streams import Streams
from api.together import Together
from api.waiting import Waiting, Watch, updated
from shared.db import statement, transaction
from shared.errors import DatabaseAway
from shared.lookup import FINISHED, JobRow, Outlook, jobs_by_id, outlook
from shared.queue import Hints

UPLOADS_AT_ONCE = 2
Found = TypeVar("Found")


class State:
    """The threads and tasks beside the requests; made when the process starts, closed when it ends."""

    def __init__(self) -> None:
        self.hints = Hints()
        self.waiting = Waiting()
        self.callers = Callers()
        self.limits = Limits()
        self.streams = Streams()
        self.downloads = Downloads()
        self.accept: Together[Asked, Accepted] = Together(lambda asked: accept(asked, self.hints))
        self.read: Together[UUID, JobRow | None] = Together(read)
        # Two at a time: a file may take minutes, and the threads that all else needs are six on two cores.
        self.uploads = ThreadPoolExecutor(UPLOADS_AT_ONCE, "uploads")
        self.queue: Together[None, Queue] = Together(look)

    async def upload(self, call: Callable[..., Found], *arguments: object) -> Found:
        """What the call returns, which is made in a thread that is kept for uploads."""
        run = partial(copy_context().run, call, *arguments)
        return await asyncio.get_running_loop().run_in_executor(self.uploads, run)

    async def followed(self, job: UUID, seconds: float) -> JobRow | None:
        """The job when it is finished, or as it is after so many seconds; None if there is no such job."""
        with self.waiting.on(job) as watch:
            row = await self.read(job)
            return await self.finished(row, watch, seconds) if row else None

    async def finished(self, row: JobRow, watch: Watch, seconds: float) -> JobRow:
        """The same for a job that was looked at after the watch began; at once when the service stops."""
        try:
            async with asyncio.timeout(seconds):
                while not row.finished and not self.waiting.is_over:
                    row = updated(row, await watch.next()) or await self.read(row.id) or row
        except (TimeoutError, DatabaseAway):
            pass  # what was accepted is told as it was last seen
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is not None:
                task.uncancel()  # the service stops: its last word is that the job is stored
        return row

    async def outlook(self, row: JobRow) -> Outlook:
        """What lies ahead of the job; nothing has to be asked for when it is over."""
        return FINISHED if row.finished else await asyncio.to_thread(look_ahead, row)

    async def __aenter__(self) -> "State":
        self.waiting.start()
        self.callers.start()
        self.limits.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.waiting.stop()
        await self.callers.stop()
        await self.limits.stop()
        self.accept.close()
        self.read.close()
        self.queue.close()
        self.uploads.shutdown(wait=False, cancel_futures=True)
        self.hints.close()


def look_ahead(row: JobRow) -> Outlook:
    with transaction() as session:
        return outlook(session, row)


def read(ids: Sequence[UUID]) -> list[JobRow | None]:
    with statement() as session:
        found = jobs_by_id(session, ids)
    return [found.get(job) for job in ids]


async def state(request: Request) -> State:  # not async, it would take a thread for each request
    found: State = request.app.state.scoreline
    return found


Shared = Annotated[State, Depends(state)]
