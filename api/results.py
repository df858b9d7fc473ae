"""Results of jobs, streamed slice by slice in the order of submission, also while the job runs."""

import asyncio
from collections.abc import AsyncIterator, Callable
from itertools import accumulate
from typing import Annotated, Any, Literal
from uuid import UUID

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.csv
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy import TextClause

from api import parameters
from api.callers import Calling
from api.extras import extra_columns
from api.formats import TYPES, WRITERS, Format
from api.jobs import own
from api.problems import documented
from api.state import Shared, State
from api.waiting import LOOK_SECONDS, Watch
from shared import lookup
from shared.db import transaction
from shared.errors import DatabaseAway, Invalid, NotFound, Unauthorized
from shared.lookup import JobRow, SliceRow

router = APIRouter(prefix="/jobs/{job_id}", tags=["results"])
Chosen = Annotated[Format | None, Query(alias="format", description="instead of the Accept header")]
Follow = Annotated[bool, Query(description="wait for what is not settled yet, until the job is finished")]
REFUSALS = documented(Unauthorized, NotFound, Invalid, DatabaseAway)
FILES: dict[int | str, dict[str, Any]] = {
    200: {"content": {kind: {} for kind in TYPES.values()}, "description": "The records, in the format asked for"}
}
ENDED = {"canceled": "canceled before it was scored", "expired": "expired before it was scored"}
NOTHING = SliceRow(0, 0, "succeeded", None, None, None, [])

# Makes the table of a slice.
Table = Callable[[SliceRow], Any]


@router.api_route("/results", methods=["GET", "HEAD"], response_class=StreamingResponse, responses=REFUSALS | FILES)
async def read_results(
    job_id: str,
    request: Request,
    caller: Calling,
    state: Shared,
    chosen: Chosen = None,
    include: Literal["inputs"] | None = None,
    follow: Follow = False,
) -> Response:
    """The settled records, each output a column beside `record` and `error`."""
    wanted = parameters.job_id(job_id)
    row = own(await state.read(wanted), caller.user_id, wanted)
    form = chosen or accepted(request)
    names = row.signature.names if row.signature and include else ()
    what = lookup.BOTH if include else lookup.OUTPUTS

    def table(part: SliceRow) -> Any:
        return result_table(row, part, names, WRITERS[form].keeps_json)

    return answered(request, row, form, "results", written(parts(state, row, what, follow), form, table))


@router.api_route("/errors", methods=["GET", "HEAD"], response_class=StreamingResponse, responses=REFUSALS | FILES)
async def read_errors(job_id: str, request: Request, caller: Calling, state: Shared, chosen: Chosen = None) -> Response:
    """The failed records only: what was sent, what is wrong, and where."""
    wanted = parameters.job_id(job_id)
    row = own(await state.read(wanted), caller.user_id, wanted)
    form = chosen or accepted(request)
    return answered(request, row, form, "errors", written(parts(state, row, lookup.ERRORS, False), form, error_table))


def answered(request: Request, row: JobRow, form: Format, kind: str, content: AsyncIterator[bytes]) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{kind}-{row.id}.{form}"'}
    if request.method == "HEAD":
        return Response(headers=headers, media_type=TYPES[form])
    return StreamingResponse(content, headers=headers, media_type=TYPES[form])


def accepted(request: Request) -> Format:
    wanted = request.headers.get("accept", "").lower()
    known: dict[str, Format] = {"application/x-ndjson": "ndjson", "application/vnd.apache.parquet": "parquet"}
    known |= {"application/json": "json", "text/csv": "csv"}
    return next((form for kind, form in known.items() if kind in wanted), "csv")


async def parts(state: State, row: JobRow, what: TextClause, follow: bool) -> AsyncIterator[list[SliceRow]]:
    """A few settled slices at a time, each time in a transaction of its own, so that a slow reader holds nothing."""
    current: JobRow | None = row
    read = 0
    with state.waiting.on(row.id) as watch:
        while current is not None:
            is_last = current.finished or not follow
            found = await asyncio.to_thread(settled, row.id, what, read, not is_last)
            if found:
                yield found
                read = found[-1].first + found[-1].size
            elif is_last:
                return
            else:
                await changed(watch)
                current = await state.read(row.id)


def settled(job: UUID, what: TextClause, begin: int, gapless: bool) -> list[SliceRow]:
    """The next few slices from the one that begins there on; if gapless, only those that follow without one missing."""
    with transaction() as session:
        found = lookup.settled_slices(session, what, job, begin)
    if not gapless:
        return found
    begins = accumulate((part.size for part in found), initial=begin)
    return [part for part, expected in zip(found, begins, strict=False) if part.first == expected]


async def changed(watch: Watch) -> None:
    """Returns when the job may have changed: when that is told, at the latest after a second."""
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            await watch.next()
    except TimeoutError:
        pass


async def written(slices: AsyncIterator[list[SliceRow]], form: Format, table: Table) -> AsyncIterator[bytes]:
    writer = WRITERS[form](table(NOTHING))

    def write(several: list[SliceRow]) -> bytes:
        return b"".join(writer.write(table(part)) for part in several)

    async for several in slices:
        yield await asyncio.to_thread(write, several)
    yield await asyncio.to_thread(writer.end)


def result_table(row: JobRow, part: SliceRow, inputs: tuple[str, ...], keeps_json: bool) -> Any:
    outputs = row.signature.outputs if row.signature else ()
    columns: dict[str, Any] = {"record": pa.array(range(part.first, part.first + part.size), pa.int64())}
    columns |= dict(zip(inputs, numbers(part.inputs, part.size, len(inputs)), strict=True))
    columns |= dict(zip(outputs, numbers(part.outputs, part.size, len(outputs)), strict=True))
    columns["error"] = pa.array(errors_in_order(part), pa.string())
    table = pa.table(columns)
    for field, column in extra_columns(part, row.extras or {}, keeps_json):
        name = f"input.{field.name}" if field.name in columns else field.name
        table = table.append_column(field.with_name(name), column)
    return table


def numbers(rows: str | None, size: int, width: int) -> list[Any]:
    """Columns of numbers out of JSON rows, null where a row is null or has none."""
    if rows is None or not width:
        return [pa.nulls(size, pa.float64())] * width
    return numbers_at_once(rows, size, width) or one_by_one(orjson.loads(rows), width)


def numbers_at_once(rows: str, size: int, width: int) -> list[Any] | None:
    """The same if no row is null, as nearly always; 0.1 s for a million rows of three, where lists took 0.9."""
    if not rows.startswith("[[") or "],null" in rows:
        return None
    names = [str(place) for place in range(width)]
    kinds = dict.fromkeys(names, pa.float64())
    lines = pa.py_buffer(rows[2:-2].replace("],[", "\n").encode())
    try:
        table = pa.csv.read_csv(
            lines,
            pa.csv.ReadOptions(column_names=names, use_threads=False, block_size=len(lines) + 1),
            convert_options=pa.csv.ConvertOptions(column_types=kinds, null_values=["null"]),
        ).combine_chunks()
    except pa.ArrowInvalid:
        return None
    return [column.chunk(0) for column in table.columns] if len(table) == size else None


def one_by_one(rows: list[list[Any] | None], width: int) -> list[Any]:
    empty = [None] * width
    matrix = np.array([empty if row is None else row for row in rows], dtype=float).reshape(len(rows), width)
    return [pa.array(matrix[:, place], from_pandas=True) for place in range(width)]


def errors_in_order(part: SliceRow) -> list[str | None]:
    told: list[str | None] = [None] * part.size
    if part.status in ENDED:
        kept = orjson.loads(part.outputs) if part.outputs else told
        told = [None if output else ENDED[part.status] for output in kept]
    for error in part.errors or ():
        told[error["offset"]] = error["detail"]
    return told


def error_table(part: SliceRow) -> Any:
    """What failed of a slice, in order."""
    found = [{**error, "record": part.first + error["offset"]} for error in part.errors or ()]
    found.sort(key=lambda error: int(error["record"]))
    numbered = {"record": pa.int64(), "line": pa.int64()}
    kinds = numbered | dict.fromkeys(("column", "code", "detail", "raw"), pa.string())
    return pa.table({name: pa.array([error.get(name) for error in found], kind) for name, kind in kinds.items()})
