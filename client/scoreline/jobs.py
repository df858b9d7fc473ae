"""What can be done with a job."""

import json
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from scoreline.answers import Answer
from scoreline.downloads import Query, download, lines
from scoreline.errors import NotFinished, Refused, Unreachable
from scoreline.formats import result_format
from scoreline.link import Request
from scoreline.patience import may_pass, patiently
from scoreline.service import Service, address, as_query, given
from scoreline.sinks import Sink, sink

if TYPE_CHECKING:
    from scoreline.job import AnyJob

Job = TypeVar("Job", bound="AnyJob")
Where = str | Path | BinaryIO | Sink
LONGEST_WAIT = 60
PAGE = 1000


async def job(service: Service[Job], job_id: str) -> Job:
    """The job of that id."""
    return service.made(await service.ask("GET", address("jobs", job_id)))


async def jobs(
    service: Service[Job],
    status: str | None = None,
    model: str | None = None,
    limit: int | None = None,
    metadata: dict[str, str] | None = None,
) -> AsyncGenerator[Job, None]:
    """Your jobs, newest first, at most `limit`; a page is asked for when it is reached."""
    query = given(status=status, model=model) | as_query(metadata)
    left, after = limit, None
    while left is None or left > 0:
        most = PAGE if left is None else min(left, PAGE)
        page = await service.ask("GET", "/jobs", params=query | given(limit=most, after=after))
        for found in page["items"]:
            yield service.made(found)
        left, after = None if left is None else left - len(page["items"]), page["next"]
        if after is None:
            return


async def refresh(job: Job) -> Job:
    """The same job, as it is now."""
    job.answer = await job.service.ask("GET", address("jobs", job.id))
    return job


async def glance(job: Job) -> Job:
    """Another of the same job, as it is at this moment, for who only shows it: asked once, whatever becomes of that."""
    found: Job = job.service.made(await job.service.link.ask(Request("GET", address("jobs", job.id))))
    return found


async def wait(job: Job, timeout: float | None = None) -> Job:
    """The same job once it is finished, however long that takes; NotFinished after `timeout` seconds."""
    end = None if timeout is None else time.monotonic() + timeout
    while not job.is_finished:
        seconds = LONGEST_WAIT if end is None else min(LONGEST_WAIT, end - time.monotonic())
        if seconds <= 0:
            raise NotFinished(job.id)
        query = {"wait": seconds}
        job.answer = await job.service.ask("GET", address("jobs", job.id), params=query, seconds=seconds + 30)
    return job


async def results(
    job: "AnyJob",
    out: Where | None = None,
    format: str | None = None,  # noqa: A002
    follow: bool = True,
    raw: bool = False,
) -> Any:
    """The results as a DataFrame of pandas; or written to `out`, in the format that its name says, else CSV.

    They come as they are scored, until the job is finished; without `follow`, only what is settled by now. A file is
    packed if its name ends in `.gz`, and replaced only when everything has come. In CSV an apostrophe stands before
    what a spreadsheet would run as a formula, unless it is to be `raw`.
    """
    if out is None:
        return await frame_of(job, follow)
    with sink(out) as opened:
        await collect(job, opened, wanted(format or form_of(out), raw), follow)
    return out


def form_of(out: Where) -> str:
    return result_format(Path(out)) if isinstance(out, str | Path) else "csv"


def wanted(form: str, raw: bool) -> Query:
    return {"format": form, "raw": "true"} if raw else {"format": form}


async def frame_of(job: "AnyJob", follow: bool) -> Any:
    from scoreline import pandas_frames

    with TemporaryDirectory(prefix="scoreline-") as folder:
        path = Path(folder, "results.parquet")
        with sink(path) as opened:
            await collect(job, opened, {"format": "parquet"}, follow)
        return await job.service.link.aside(lambda: pandas_frames.read(path))


async def collect(job: "AnyJob", opened: Sink, query: Query, follow: bool) -> None:
    """Writes the results; the job is finished then, if they were followed."""
    path = address("jobs", job.id, "results")
    if follow and not job.is_finished and await followed(job, path, query, opened):
        await wait(job)
        return
    await patiently(job.service.link, lambda: download(job.service, path, query, opened))


async def followed(job: "AnyJob", path: str, query: Query, opened: Sink) -> bool:
    """Whether all came while it was scored; if not, the job is finished now."""
    try:
        await download(job.service, path, query | {"follow": "true"}, opened)
    except (Refused, Unreachable) as error:
        if not may_pass(error):
            raise
        opened.begin()
        await wait(job)
        return False
    return True


async def stream(job: "AnyJob") -> AsyncGenerator[dict[str, Any], None]:
    """The results one by one as they are scored: `record`, the outputs, `error`, and what else was submitted."""
    query = {"format": "ndjson", "follow": "true"}
    async with aclosing(lines(job.service, address("jobs", job.id, "results"), query)) as found:
        async for line in found:
            yield json.loads(line)


async def errors(job: "AnyJob", most: int | None = None) -> list[Answer]:
    """The records that failed: `record`, `line`, `column`, `code`, `detail` and `raw` of each; at most so many."""

    async def read() -> list[Answer]:
        found: list[Answer] = []
        async with aclosing(lines(job.service, address("jobs", job.id, "errors"), {"format": "ndjson"})) as told:
            async for line in told:
                if most is not None and len(found) >= most:
                    break
                found.append(json.loads(line))
        return found

    return await patiently(job.service.link, read)


async def write_errors(job: "AnyJob", out: Where, format: str | None = None, raw: bool = False) -> None:  # noqa: A002
    """The same as a file, written as results are."""
    path, query = address("jobs", job.id, "errors"), wanted(format or form_of(out), raw)
    with sink(out) as opened:
        await patiently(job.service.link, lambda: download(job.service, path, query, opened))


async def cancel(job: Job) -> Job:
    """The same job, of which nothing more is scored, except what is being scored already."""
    job.answer = await job.service.ask("POST", address("jobs", job.id, "cancel"))
    return job


async def retry(job: Job) -> Job:
    """The same job, of which what failed, was canceled or expired is scored again."""
    job.answer = await job.service.ask("POST", address("jobs", job.id, "retry"), repeats=False)
    return job


async def delete(job: "AnyJob") -> None:
    """Erases a finished job with its inputs and outputs."""
    await job.service.ask("DELETE", address("jobs", job.id), repeats=False)
