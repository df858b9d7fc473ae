"""A frame in, a frame out."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypedDict, TypeVar, Unpack, overload

from scoreline import bar, jobs
from scoreline.bar import Display
from scoreline.errors import ScorelineError, Unusable
from scoreline.frames import Kind, features_in, kind_of
from scoreline.job import AnyJob
from scoreline.service import DEFAULT_MODEL, Service, as_query, given
from scoreline.sinks import sink
from scoreline.submission import schema, sent, submit_file
from scoreline.uploads import Upload

Job = TypeVar("Job", bound=AnyJob)
Frame = TypeVar("Frame")


class Options(TypedDict, total=False):
    model: str
    resume: str | None
    name: str | None
    metadata: dict[str, str] | None
    idempotency_key: str | None
    progress: bool


@overload
async def score(service: Service[Any], source: str | Path, **options: Unpack[Options]) -> Any: ...


@overload
async def score(service: Service[Any], source: Frame, **options: Unpack[Options]) -> Frame: ...


async def score(
    service: Service[Any],
    source: Any,
    *,
    model: str = DEFAULT_MODEL,
    resume: str | None = None,
    name: str | None = None,
    metadata: dict[str, str] | None = None,
    idempotency_key: str | None = None,
    progress: bool = True,
) -> Any:
    """The outputs and the `error` of each row: a frame of the same kind, with the same index and in the same order.

    `source` is a DataFrame of pandas or polars, of which only the model's features are sent; or the path of a file,
    whose results come as a DataFrame of pandas. The bar shows the id of the job: with `resume` nothing is submitted,
    and that job is waited for. With an `idempotency_key` the same call gets the same job for a day.
    """
    kind = kind_of(source)
    if kind is None and not isinstance(source, str | Path):
        raise Unusable(f"score takes a DataFrame or the path of a file, not {type(source).__name__}")
    query = given(model=model, name=name) | as_query(metadata)
    with bar.display(progress, len(source) if kind else None) as shown:
        if resume:
            job = same_size(await jobs.job(service, resume), source if kind else None)
        elif kind:
            job = await submit_features(service, kind, source, query, idempotency_key, shown)
        else:
            job = await submit_file(service, source, query, idempotency_key, shown.sent)
        return await results(job, kind, source, shown)


def same_size(job: Job, frame: Any) -> Job:
    """The job, if it can be that of the frame."""
    if frame is not None and len(frame) != job.records.total:
        raise Unusable(f"the job {job.id} has {job.records.total:,} records, and the frame {len(frame):,} rows")
    return job


async def submit_features(
    service: Service[Job], kind: Kind, frame: Any, query: dict[str, str], key: str | None, shown: Display
) -> Job:
    if not len(frame):
        raise Unusable("the frame has no rows")
    names = features_in(frame, await schema(service, query["model"]))
    with TemporaryDirectory(prefix="scoreline-") as folder:
        path = await service.link.aside(lambda: kind.write(frame, names, Path(folder)))
        return await sent(service, Upload(path, shown.sent), query, key)


async def results(job: AnyJob, kind: Kind | None, frame: Any, shown: Display) -> Any:
    """The frame with the results of the job, shown as it is scored."""
    shown.scored(job)

    async def look() -> None:
        shown.scored(await jobs.glance(job))

    try:
        with TemporaryDirectory(prefix="scoreline-") as folder:
            path = Path(folder, "results.parquet")
            async with job.service.link.beside(look):
                with sink(path) as opened:
                    await jobs.collect(job, opened, {"format": "parquet"}, follow=True)
            shown.scored(job)
            return await job.service.link.aside(lambda: kind.join(frame, path) if kind else read(path))
    except (KeyboardInterrupt, ScorelineError) as error:
        error.add_note(f'the service goes on with the job; to get its results: score(..., resume="{job.id}")')
        raise


def read(path: Path) -> Any:
    from scoreline import pandas_frames

    return pandas_frames.read(path)
