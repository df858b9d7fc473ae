"""Results of jobs, streamed slice by slice in the order of submission, also while the job runs."""

import io
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal
from uuid import UUID

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from api import parameters
from api.callers import Calling
from api.jobs import own
from api.problems import documented
from api.state import Shared
from shared import lookup
from shared.db import transaction
from shared.errors import DatabaseAway, Invalid, NotFound, Unauthorized
from shared.lookup import JobRow, SliceRow

router = APIRouter(prefix="/jobs/{job_id}", tags=["results"])
Format = Literal["csv", "ndjson", "parquet", "json"]
Chosen = Annotated[Format | None, Query(alias="format", description="instead of the Accept header")]
TYPES: dict[str, str] = {
    "csv": "text/csv; charset=utf-8",
    "ndjson": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
    "json": "application/json",
}
REFUSALS = documented(Unauthorized, NotFound, Invalid, DatabaseAway)
FILES: dict[int | str, dict[str, Any]] = {
    200: {"content": {kind: {} for kind in TYPES.values()}, "description": "The records, in the format asked for"}
}
ENDED = {"canceled": "canceled before it was scored", "expired": "expired before it was scored"}
Tables = Iterator[Any]


@router.api_route("/results", methods=["GET", "HEAD"], response_class=StreamingResponse, responses=REFUSALS | FILES)
async def read_results(
    job_id: str,
    request: Request,
    caller: Calling,
    state: Shared,
    chosen: Chosen = None,
    include: Literal["inputs"] | None = None,
) -> Response:
    """The settled records, each output a column beside `record` and `error`."""
    wanted = parameters.job_id(job_id)
    row = own(await state.read(wanted), caller.user_id, wanted)
    return streamed(request, row, chosen, "results", lambda: result_tables(row, include is not None))


@router.api_route("/errors", methods=["GET", "HEAD"], response_class=StreamingResponse, responses=REFUSALS | FILES)
async def read_errors(job_id: str, request: Request, caller: Calling, state: Shared, chosen: Chosen = None) -> Response:
    """The failed records only: what was sent, what is wrong, and where."""
    wanted = parameters.job_id(job_id)
    row = own(await state.read(wanted), caller.user_id, wanted)
    return streamed(request, row, chosen, "errors", lambda: error_tables(row))


def streamed(request: Request, row: JobRow, chosen: Format | None, kind: str, tables: Callable[[], Tables]) -> Response:
    form = chosen or accepted(request)
    headers = {"Content-Disposition": f'attachment; filename="{kind}-{row.id}.{form}"'}
    if request.method == "HEAD":
        return Response(headers=headers, media_type=TYPES[form])
    return StreamingResponse(WRITERS[form](tables()), headers=headers, media_type=TYPES[form])


def accepted(request: Request) -> Format:
    wanted = request.headers.get("accept", "").lower()
    known: dict[str, Format] = {"application/x-ndjson": "ndjson", "application/vnd.apache.parquet": "parquet"}
    known |= {"application/json": "json", "text/csv": "csv"}
    return next((form for kind, form in known.items() if kind in wanted), "csv")


def settled_slices(job: UUID, with_inputs: bool = False) -> Iterator[SliceRow]:
    """A few at a time, each time in a transaction of its own, so that a slow reader holds nothing."""
    first = -1
    while True:
        with transaction() as session:
            found = lookup.settled_slices(session, job, first, with_inputs)
        if not found:
            return
        yield from found
        first = found[-1].first


def result_tables(row: JobRow, with_inputs: bool) -> Tables:
    names, outputs = (row.signature.names, row.signature.outputs) if row.signature else ((), ())
    yield result_table(SliceRow(0, 0, "succeeded", [], None, [], []), names if with_inputs else (), outputs)
    for part in settled_slices(row.id, with_inputs):
        yield result_table(part, names if with_inputs else (), outputs)


def result_table(part: SliceRow, names: tuple[str, ...], outputs: tuple[str, ...]) -> Any:
    columns: dict[str, Any] = {"record": pa.array(range(part.first, part.first + part.size), pa.int64())}
    columns |= numbers(part.inputs or [], names)
    columns |= numbers(part.outputs or [None] * part.size, outputs)
    columns["error"] = pa.array(errors_in_order(part), pa.string())
    table = pa.table(columns)
    for name, column in extra_columns(part).items():
        table = table.append_column(f"input.{name}" if name in columns else name, column)
    return table


def numbers(rows: list[list[Any] | None], names: tuple[str, ...]) -> dict[str, Any]:
    """Columns of numbers out of rows, null where a row is or has none."""
    if not names:
        return {}
    empty = [None] * len(names)
    matrix = np.array([empty if row is None else row for row in rows], dtype=float).reshape(len(rows), len(names))
    return {name: pa.array(matrix[:, place], from_pandas=True) for place, name in enumerate(names)}


def errors_in_order(part: SliceRow) -> list[str | None]:
    told: list[str | None] = [None] * part.size
    if part.status in ENDED:
        kept = part.outputs or told
        told = [None if output else ENDED[part.status] for output in kept]
    for error in part.errors or ():
        told[error["offset"]] = error["detail"]
    return told


def extra_columns(part: SliceRow) -> dict[str, Any]:
    if part.extras is None:
        return {}
    table = pa.ipc.open_stream(part.extras).read_all()
    as_json = (table.schema.metadata or {}).get(b"json") is not None
    return {name: plain_text(table[name]) if as_json else table[name] for name in table.column_names}


def plain_text(column: Any) -> Any:
    """What was JSON text, as text: strings without their quotes, the rest as written."""
    values = [None if value is None else orjson.loads(value) for value in column.to_pylist()]
    return pa.array(
        [value if value is None or isinstance(value, str) else orjson.dumps(value).decode() for value in values],
        pa.string(),
    )


def error_tables(row: JobRow) -> Tables:
    yield error_table([])
    for part in settled_slices(row.id):
        found = [{**error, "record": part.first + error["offset"]} for error in part.errors or ()]
        if found:
            yield error_table(sorted(found, key=lambda error: int(error["record"])))


def error_table(errors: list[dict[str, Any]]) -> Any:
    kinds = {
        "record": pa.int64(),
        "line": pa.int64(),
        "column": pa.string(),
        "code": pa.string(),
        "detail": pa.string(),
        "raw": pa.string(),
    }
    return pa.table({name: pa.array([error.get(name) for error in errors], kind) for name, kind in kinds.items()})


def as_csv(tables: Tables) -> Iterator[bytes]:
    """The first table that has rows settles the columns."""
    for number, table in enumerate(headed(tables)):
        sink = pa.BufferOutputStream()
        options = pyarrow.csv.WriteOptions(include_header=number == 0, quoting_style="needed")
        pyarrow.csv.write_csv(table, sink, options)
        yield sink.getvalue().to_pybytes()


def headed(tables: Tables) -> Tables:
    """Without the empty table at the front, unless it is all there is."""
    first, found = next(tables), False
    for table in tables:
        found = True
        yield table
    if not found:
        yield first


def as_ndjson(tables: Tables) -> Iterator[bytes]:
    for table in tables:
        yield b"".join(orjson.dumps(row) + b"\n" for row in table.to_pylist())


def as_json(tables: Tables) -> Iterator[bytes]:
    before = b"["
    for table in tables:
        for row in table.to_pylist():
            yield before + orjson.dumps(row, default=str)
            before = b","
    yield b"[]" if before == b"[" else b"]"


def as_parquet(tables: Tables) -> Iterator[bytes]:
    """Row group by row group, each sent when it is written."""
    sink = io.BytesIO()
    writer = None
    for table in headed(tables):
        if writer is None:
            writer = pyarrow.parquet.ParquetWriter(Unseekable(sink), table.schema)
        writer.write_table(table.cast(writer.schema))
        yield drained(sink)
    if writer is not None:
        writer.close()
        yield drained(sink)


class Unseekable(io.RawIOBase):
    """A file that only grows, whose beginning may be taken away."""

    def __init__(self, sink: io.BytesIO) -> None:
        self.sink, self.written = sink, 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        size = self.sink.write(data)
        self.written += size
        return size

    def tell(self) -> int:
        return self.written


def drained(sink: io.BytesIO) -> bytes:
    data = sink.getvalue()
    sink.seek(0)
    sink.truncate()
    return data


WRITERS: dict[str, Callable[[Tables], Iterator[bytes]]] = {
    "csv": as_csv,
    "ndjson": as_ndjson,
    "json": as_json,
    "parquet": as_parquet,
}
