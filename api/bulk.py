"""Many records in, a job out."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Literal
from uuid import UUID

import orjson
import pyarrow as pa
from fastapi import APIRouter, Request, Response
from sqlalchemy import text

from api import answers, parameters
from api.accept import replayed
from api.answers import Job, Json
from api.blocks import Block
from api.callers import Calling
from api.csv_blocks import csv_blocks
from api.json_blocks import json_blocks, line_blocks
from api.parquet_blocks import parquet_blocks
from api.predict import fingerprint_of
from api.problems import documented
from api.spool import Upload, spooled
from api.state import Shared, State
from shared import idempotency, jobs, registry
from shared.db import transaction
from shared.errors import (
    Conflict,
    DatabaseAway,
    InFlight,
    Invalid,
    Malformed,
    NotFound,
    ScorelineError,
    TooLarge,
    Unauthorized,
    UnsupportedType,
)
from shared.idempotency import OtherContent, Use
from shared.jobs import NewBulk, NewSlice
from shared.lookup import UNKNOWN, JobRow, jobs_by_id
from shared.queue import MOST_HINTS
from shared.registry import DEFAULT_MODEL, Served
from shared.settings import settings
from shared.tables import Lane

router = APIRouter(prefix="/jobs", tags=["jobs"])
ERRORS_TOLD = 100
REFUSALS = documented(Malformed, Unauthorized, NotFound, Conflict, TooLarge, UnsupportedType, Invalid, DatabaseAway)
BODY = {
    "parameters": [*parameters.DOCUMENTED],
    "requestBody": {
        "required": True,
        "content": {
            kind: {"schema": {"type": "string", "format": "binary"}}
            for kind in ("text/csv", "application/x-ndjson", "application/json", "application/vnd.apache.parquet")
        },
    },
}


@dataclass
class Tally:
    """What an upload was found to hold."""

    total: int = 0
    bad: int = 0
    errors: list[dict[str, Any]] = field(default_factory=list)

    def count(self, first: int, block: Block) -> None:
        self.total += block.size
        self.bad += len(block.problems)
        if self.total > settings().job_records:
            raise TooLarge(f"a job may have at most {settings().job_records:,} records; split the file")
        for row, problems in sorted(block.problems.items()):
            if len(self.errors) < ERRORS_TOLD:
                self.errors += [{"record": first + row, **problem} for problem in problems]


@dataclass(frozen=True)
class Wanted:
    """What a client asks for with an upload."""

    job_id: UUID
    user_id: int
    model: str
    name: str | None
    metadata: dict[str, str]
    expires_in: float | None
    reject: bool
    use: Use | None


@router.post("", response_model=Job, status_code=202, responses=REFUSALS, openapi_extra=BODY)
async def submit_job(
    request: Request,
    caller: Calling,
    state: Shared,
    model: str = DEFAULT_MODEL,
    name: str | None = None,
    on_error: Literal["quarantine", "reject"] = "quarantine",
    dry_run: bool = False,
) -> Response:
    """Scores the records of a file: CSV, NDJSON, Parquet or JSON, also packed by gzip."""
    key = parameters.idempotency_key(request)
    metadata, expires_in = parameters.metadata(request.query_params), parameters.expires_in(request.query_params)
    with await spooled(request, settings().job_bytes, settings().json_bytes) as upload:
        job_id = jobs.new_id()
        use = (
            Use(caller.user_id, "/jobs", key, fingerprint_of(request, upload.sha256.encode()), job_id) if key else None
        )
        reject = on_error == "reject"
        wanted = Wanted(job_id, caller.user_id, model, parameters.job_name(name), metadata, expires_in, reject, use)
        if dry_run:
            return Json(await asyncio.to_thread(rehearsed, upload, wanted))
        return await accepted(upload, wanted, state)


async def accepted(upload: Upload, wanted: Wanted, state: State) -> Response:
    job, waiting = await asyncio.to_thread(stored, upload, wanted)
    headers = {"Location": f"/jobs/{job.id}", "Retry-After": "1"}
    if job.id != wanted.job_id:
        headers["Idempotent-Replayed"] = "true"
    elif waiting:
        state.hints.send(Lane.BULK, min(waiting, MOST_HINTS))
    return Json(answers.job(job, UNKNOWN), 202, headers)


def stored(upload: Upload, wanted: Wanted) -> tuple[JobRow, int]:
    """The job, durable, and how many of its slices wait; or the job that the same request made before."""
    with transaction() as session:
        session.execute(text(f"SET LOCAL statement_timeout = {int(settings().upload_seconds * 1000)}"))
        if wanted.use and (owner := owner_of(session, wanted.use)) != wanted.job_id:
            return earlier(session, owner), 0
        version = registry.find(session, wanted.model)
        job = NewBulk(wanted.job_id, wanted.user_id, version.id, wanted.name, wanted.metadata, wanted.expires_in)
        waiting = jobs.accept_bulk(session, job, slices_of(upload, version, wanted.reject))
        return jobs_by_id(session, [job.id])[job.id], waiting


def owner_of(session: Any, use: Use) -> UUID:
    """The job that the key stands for; while another request with it is being stored, a conflict."""
    free = session.scalar(
        text("SELECT pg_try_advisory_xact_lock(hashtextextended(:key, :user))"),
        {"key": f"{use.route} {use.key}", "user": use.user_id},
    )
    if not free:
        raise InFlight("a request with this Idempotency-Key is being stored; ask again in a moment")
    [owner] = idempotency.remember(session, [use])
    if isinstance(owner, OtherContent):
        raise owner
    return owner


def earlier(session: Any, owner: UUID) -> JobRow:
    answer = replayed(owner, jobs_by_id(session, [owner]))
    if isinstance(answer, ScorelineError):
        raise answer
    return answer.job


def rehearsed(upload: Upload, wanted: Wanted) -> dict[str, Any]:
    """What storing the upload would have found."""
    with transaction() as session:
        version = registry.find(session, wanted.model)
    tally = Tally()
    for block in blocks_of(upload, version):
        tally.count(tally.total, block)
    return {
        "model": {"name": version.model, "version": version.number},
        "records": {"total": tally.total, "valid": tally.total - tally.bad, "invalid": tally.bad},
        "errors": tally.errors,
    }


def refuse_if_bad(tally: Tally, reject: bool) -> None:
    if tally.total == 0:
        raise Invalid("the file has no records")
    if tally.bad == tally.total:
        raise Invalid("no record of the file is valid; nothing was stored", tally.errors)
    if reject and tally.bad:
        raise Invalid(f"{tally.bad:,} of {tally.total:,} records are not valid; nothing was stored", tally.errors)


def blocks_of(upload: Upload, version: Served) -> Iterator[Block]:
    """The records of an upload; Invalid or Malformed when it cannot be read as a table of this version."""
    file: BinaryIO = upload.file
    if upload.format == "csv":
        return csv_blocks(file, upload.charset, version)
    if upload.format == "parquet":
        return parquet_blocks(file, version, settings().job_bytes)
    return line_blocks(file, version) if upload.format == "ndjson" else json_blocks(file.read(), version)


def slices_of(upload: Upload, version: Served, reject: bool) -> Iterator[NewSlice]:
    """The upload, cut into slices that take about as long as each other; at its end Invalid, if it is refused."""
    tally = Tally()
    for block in ahead(blocks_of(upload, version)):
        first = tally.total
        tally.count(first, block)
        pieces = -(-block.size // version.slice_records)
        for piece in range(pieces):
            begin, end = block.size * piece // pieces, block.size * (piece + 1) // pieces
            yield cut(block, begin, end, first + begin)
    refuse_if_bad(tally, reject)


def ahead(blocks: Iterator[Block]) -> Iterator[Block]:
    """The same, each made while the one before it is stored."""
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, blocks, None)
        while block := coming.result():
            coming = thread.submit(next, blocks, None)
            yield block


def cut(block: Block, begin: int, end: int, first: int) -> NewSlice:
    bad = [row for row in block.problems if begin <= row < end]
    errors = [{"offset": row - begin, "refused": True, **joined(block.problems[row])} for row in sorted(bad)]
    return NewSlice(first, end - begin, inputs(block, begin, end, bad), extras(block, begin, end), errors)


def joined(problems: list[dict[str, Any]]) -> dict[str, Any]:
    """One error for a record: its first problem, with what else is wrong."""
    return {**problems[0], "detail": "; ".join(problem["detail"] for problem in problems)}


def inputs(block: Block, begin: int, end: int, bad: list[int]) -> bytes:
    """JSON with null for what is missing, and for a whole record that was refused."""
    part = block.matrix[begin:end]
    if not bad:
        return orjson.dumps(part, option=orjson.OPT_SERIALIZE_NUMPY)
    rows: list[Any] = orjson.loads(orjson.dumps(part, option=orjson.OPT_SERIALIZE_NUMPY))
    for row in bad:
        rows[row - begin] = None
    return orjson.dumps(rows)


def extras(block: Block, begin: int, end: int) -> bytes | None:
    """The other columns as Arrow IPC."""
    if block.extras is None:
        return None
    table = block.extras.slice(begin, end - begin)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    written: bytes = sink.getvalue().to_pybytes()
    return written
