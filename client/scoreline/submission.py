"""Many records in, a job out."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from scoreline.answers import Answer
from scoreline.job import AnyJob
from scoreline.service import DEFAULT_MODEL, Service, address, as_query, given
from scoreline.sources import file_of
from scoreline.uploads import Told, Upload

Job = TypeVar("Job", bound=AnyJob)
STORE_SECONDS = 600  # 10 million records are stored in half a minute, after the last byte has come


async def submit(
    service: Service[Job],
    source: "str | Path | Iterable[Mapping[str, Any]] | Any",
    *,
    model: str = DEFAULT_MODEL,
    name: str | None = None,
    metadata: dict[str, str] | None = None,
    on_error: str = "quarantine",
    idempotency_key: str | None = None,
    progress: Told | None = None,
) -> Job:
    """The job of these records: a CSV, NDJSON, JSON or Parquet file as its name says, also packed as `.gz`; a
    DataFrame; or dicts.

    Sent as it is read; again under the same key where the connection breaks, so that it is one job all the same. With
    an `idempotency_key` of your own that holds for a day, whatever becomes of this program. `progress` is called with
    the bytes sent so far and the size of the file.
    """
    query = given(model=model, name=name, on_error=on_error) | as_query(metadata)
    return await submit_file(service, source, query, idempotency_key, progress)


async def submit_file(
    service: Service[Job], source: Any, query: dict[str, str], key: str | None, progress: Told | None
) -> Job:
    # So that a wrong key or model is known before a gigabyte is sent.
    await schema(service, query["model"])
    with file_of(source) as path:
        return await sent(service, Upload(path, progress), query, key)


async def sent(service: Service[Job], upload: Upload, query: dict[str, str], key: str | None) -> Job:
    """Under a key of its own, so that it is one job however often the connection breaks."""
    headers = upload.headers | {"Idempotency-Key": key or uuid4().hex}
    answer = await service.ask("POST", "/jobs", params=query, headers=headers, upload=upload, seconds=STORE_SECONDS)
    return service.made(answer)


async def schema(service: Service[Any], ref: str = DEFAULT_MODEL) -> Answer:
    """The JSON Schema of a record of that version: its features, their types and limits."""
    return await service.ask("GET", address("models", ref, "schema"))
