"""Results of jobs, streamed slice by slice in the order of submission, also while the job runs."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import AbstractContextManager, aclosing, nullcontext
from itertools import accumulate
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
import pyarrow as pa
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy import TextClause
from starlette.types import Send

from api import examples, parameters
from api.callers import Calling
from api.columns import columns_of, input_kinds, output_kinds
from api.extras import extra_columns
from api.formats import TYPES, WRITERS, Format, accepted
from api.jobs import Id, own
from api.openapi_headers import with_headers
from api.problems import documented
from api.spreadsheets import harmless
from api.state import Shared, State
from api.streams import Held
from api.waiting import LOOK_SECONDS, Watch
from shared import lookup
from shared.db import transaction
from shared.errors import NotFound, ScorelineError
from shared.lookup import JobRow, SliceRow

router = APIRouter(prefix="/jobs/{job_id}", tags=["results"])
Chosen = Annotated[Format | None, Query(alias="format", description="instead of the Accept header")]
Raw = Annotated[
    bool,
    Query(description="CSV with every text as it was sent, also what a spreadsheet would run as a formula"),
]
Follow = Annotated[bool, Query(description="wait for what is not settled yet, until the job is finished")]
FILES = with_headers(
    200,
    "Content-Disposition",
    description="The records, in the format asked for",
    content={TYPES[form]: examples.RESULTS[form] for form in TYPES},
)
OF_FILES: dict[str, Any] = {"response_class": StreamingResponse, "responses": documented(NotFound) | FILES}
ENDED = {"canceled": "canceled before it was scored", "expired": "expired before it was scored"}
NOTHING = SliceRow(0, 0, "succeeded", None, None, None, [])

PIECE = 1 << 18  # of which the last is kept while the next slices have to wait

log = logging.getLogger(__name__)

# Makes the table of a slice.
Table = Callable[[SliceRow], Any]


@router.get("/results", **OF_FILES)
@router.head("/results", **OF_FILES, name="head_results")
async def read_results(
    job_id: Id,
    request: Request,
    caller: Calling,
    state: Shared,
    chosen: Chosen = None,
    include: Literal["inputs"] | None = None,
    follow: Follow = False,
    raw: Raw = False,
) -> Response:
    """The settled records, each output a column beside `record` and `error`."""
    wanted = parameters.job_id(job_id)
    row = own(await state.read(wanted), caller.user_id, wanted)
    if follow:
        state.streams.check(caller.user_id)
    form = chosen or accepted(",".join(request.headers.getlist("accept")))
    what = lookup.BOTH if include else lookup.OUTPUTS

    def table(part: SliceRow) -> Any:
        found = result_table(row, part, bool(include), WRITERS[form].keeps_json)
        return found if raw or form != "csv" else harmless(found, row.signature.outputs if row.signature else ())

    held = state.streams.one(caller.user_id) if follow else nullcontext()
    return answered(request, row, form, "results", written(parts(state, row, what, follow), form, table), held)


@router.get("/errors", **OF_FILES)
@router.head("/errors", **OF_FILES, name="head_errors")
async def read_errors(
    job_id: Id, request: Request, caller: Calling, state: Shared, chosen: Chosen = None, raw: Raw = False
) -> Response:
    """The failed records only: what was sent, what is wrong, and where."""
    wanted = parameters.job_id(job_id)
    row = own(await state.read(wanted), caller.user_id, wanted)
    form = chosen or accepted(",".join(request.headers.getlist("accept")))

    def table(part: SliceRow) -> Any:
        return error_table(part) if raw or form != "csv" else harmless(error_table(part))

    content = written(parts(state, row, lookup.ERRORS, False), form, table)
    return answered(request, row, form, "errors", content, nullcontext())


def answered(
    request: Request,
    row: JobRow,
    form: Format,
    kind: str,
    content: AsyncGenerator[bytes],
    held: AbstractContextManager[None],
) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{kind}-{row.id}.{form}"'}
    if request.method == "GET":
        return Download(content, held, headers=headers, media_type=TYPES[form])
    answer = Response(headers=headers, media_type=TYPES[form])
    del answer.headers["content-length"]  # which is not 0, nor known
    return answer


class Download(Held):
    """Breaks off where the content does: without its last chunk a client knows that it does not have all."""

    async def stream_response(self, send: Send) -> None:
        try:
            await super().stream_response(send)
        except ScorelineError as error:
            log.warning("a download was broken off: %s", error.detail)  # the server closes the connection


async def parts(state: State, row: JobRow, what: TextClause, follow: bool) -> AsyncGenerator[list[SliceRow]]:
    """A few settled slices at a time, each time in a transaction of its own, so that a slow reader holds nothing.

    NotFound when the job was deleted meanwhile.
    """
    read = 0
    with state.waiting.on(row.id) as watch:
        while read < row.total:
            begin = read
            async with state.downloads.place(row.user_id):
                if found := await asyncio.to_thread(settled, row.id, what, begin, follow):
                    read = found[-1].first + found[-1].size
                    yield found
                del found  # whoever waits for a turn holds nothing
            if read > begin:
                continue
            if await state.read(row.id) is None:
                raise parameters.no_such_job(row.id)
            if not follow:
                return
            await changed(watch)


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


async def written(slices: AsyncGenerator[list[SliceRow]], form: Format, table: Table) -> AsyncGenerator[bytes]:
    """The file in small pieces, made in threads: with a thousand columns even its first line takes a while."""
    writer = await asyncio.to_thread(lambda: WRITERS[form](table(NOTHING)))

    def write(several: list[SliceRow]) -> bytes:
        return b"".join(writer.write(table(part)) for part in several)

    async with aclosing(slices):
        async for several in slices:
            for piece in cut(await asyncio.to_thread(write, several)):
                yield piece
            del several
    yield await asyncio.to_thread(writer.end)


def cut(content: bytes) -> Iterator[bytes]:
    return (content[begin : begin + PIECE] for begin in range(0, len(content), PIECE))


def result_table(row: JobRow, part: SliceRow, with_inputs: bool, keeps_json: bool) -> Any:
    signature = row.signature
    outputs = signature.outputs if signature else ()
    inputs = signature.names if signature and with_inputs else ()
    extras = list(extra_columns(part, row.extras or {}, keeps_json))
    features = renamed(inputs, {"record", "error", *outputs})
    others = renamed([field.name for field, _ in extras], {"record", "error", *outputs, *features})
    columns = [pa.array(range(part.first, part.first + part.size), pa.int64())]
    columns += columns_of(part.inputs, part.size, input_kinds(signature) if signature and with_inputs else [])
    columns += columns_of(part.outputs, part.size, output_kinds(signature) if signature else [])
    columns.append(pa.array(errors_in_order(part), pa.string()))
    fields = map(pa.field, ["record", *features, *outputs, "error"], [column.type for column in columns])
    named = (field.with_name(name) for (field, _), name in zip(extras, others, strict=True))
    return pa.table([*columns, *(column for _, column in extras)], pa.schema([*fields, *named]))


def renamed(names: Iterable[str], taken: set[str]) -> list[str]:
    """The names with `input.` before those that are taken, by another or by one before them."""
    taken, free = set(taken), []
    for name in names:
        while name in taken:
            name = f"input.{name}"
        taken.add(name)
        free.append(name)
    return free


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
