"""An upload on its way to the disk, counted as it comes."""

import errno
import gzip
import io
import shutil
import tempfile
import zlib
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from hashlib import sha256
from typing import Any, BinaryIO, cast

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from api.state import State
from shared.errors import Malformed, NoRoom, TooLarge, UnsupportedType
from shared.settings import settings

TYPES = {
    "text/csv": "csv",
    "application/x-ndjson": "ndjson",
    "application/json": "json",
    "application/vnd.apache.parquet": "parquet",
}
FORM = "multipart/form-data"
# Browsers and curl say little about a file in a form, so there its name goes before its type.
SUFFIXES = {
    ".csv": "csv",
    ".tsv": "csv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".json": "json",
    ".parquet": "parquet",
}
PIECE = 1 << 20


@dataclass(frozen=True)
class Kind:
    """How the bytes of an upload are to be read."""

    format: str
    charset: str = "utf-8"
    packed: bool = False


@dataclass(frozen=True)
class Upload:
    """A body on disk, in a file without a name: nothing of it is left, however the process ends."""

    file: BinaryIO
    kind: Kind
    sha256: str

    def __enter__(self) -> "Upload":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()


async def spooled(request: Request, state: State) -> Upload:
    """The whole file, as it is to be read: unpacked when it came as gzip, no longer than the limit either way."""
    written, _ = typed(request.headers.get("content-type", ""))
    length = request.headers.get("content-length", "")
    size = int(length) if length.isdecimal() else 0
    require_size(size, settings().job_bytes)
    require_room(size)
    with no_room():
        file, kind = await (from_form(request) if written == FORM else from_body(request))
    try:
        with no_room():
            return await state.upload(readable, file, kind)
    except BaseException:
        file.close()
        raise


def readable(file: BinaryIO, kind: Kind) -> Upload:
    if file.seek(0, io.SEEK_END) == 0:
        raise Malformed("the file is empty; it needs at least one record, and as CSV a header before it")
    file.seek(0)
    digest = digest_of(file)
    return Upload(unpacked(file, limit_of(kind), kind) if kind.packed else file, kind, digest)


async def from_body(request: Request) -> tuple[BinaryIO, Kind]:
    kind = kind_of(request.headers.get("content-type", ""), is_gzip(request))
    file = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115 closed by who reads it
    try:
        async for chunk in counted(request, limit_of(kind)):
            file.write(chunk)
    except BaseException:
        file.close()
        raise
    return file, kind


async def from_form(request: Request) -> tuple[BinaryIO, Kind]:
    """The field `file` of a form, as browsers and `curl -F file=@houses.csv` send it."""
    if is_gzip(request):
        raise UnsupportedType("send a form as it is; in it the file may be packed, with a name that ends in .gz")
    parser = MultiPartParser(request.headers, counted(request, settings().job_bytes), max_files=1, max_fields=0)
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise Malformed(f"{error.message} {IN_A_FORM}") from error
    part = form.get("file")
    if not isinstance(part, UploadFile):
        await form.close()
        raise Malformed(IN_A_FORM)
    return part.file, kind_of_part(part)


IN_A_FORM = (
    "A form has one field, named file, with a file in it; all else goes into the query, as in /jobs?model=housing"
)


def kind_of_part(part: UploadFile) -> Kind:
    name = (part.filename or "").lower()
    bare = name.removesuffix(".gz")
    packed = bare != name
    for suffix, form in SUFFIXES.items():
        if bare.endswith(suffix):
            _, charset = typed(part.content_type or "")
            return Kind(form, charset, packed)
    return kind_of(part.content_type or "", packed)


def kind_of(content_type: str, packed: bool) -> Kind:
    written, charset = typed(content_type)
    if written not in TYPES:
        raise UnsupportedType(f"send the file with one of these as its Content-Type: {', '.join([*TYPES, FORM])}")
    return Kind(TYPES[written], charset, packed)


def typed(content_type: str) -> tuple[str, str]:
    """The type that is written there, and its charset."""
    message = Message()
    message["Content-Type"] = content_type
    charset = message.get_param("charset", "utf-8")
    return content_type.split(";")[0].strip().lower(), str(charset).lower()


def is_gzip(request: Request) -> bool:
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise UnsupportedType("send the body as it is, or with Content-Encoding: gzip")
    return encoding == "gzip"


def limit_of(kind: Kind) -> int:
    """JSON is parsed as a whole."""
    return min(settings().json_bytes, settings().job_bytes) if kind.format == "json" else settings().job_bytes


async def counted(request: Request, limit: int) -> AsyncGenerator[bytes, None]:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        require_size(size, limit)
        require_room()
        yield chunk


def require_size(size: int, limit: int) -> None:
    if size > limit:
        raise TooLarge(f"a body of this type may have at most {limit:,} bytes; split the file")


def require_room(size: int = 0) -> None:
    """NoRoom if so many bytes more would leave too little of the disk."""
    if shutil.disk_usage(tempfile.gettempdir()).free - size < settings().spool_free_bytes:
        raise NoRoom(FULL)


@contextmanager
def no_room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise NoRoom(FULL) from error


FULL = "the disk on which uploads arrive is nearly full; come again later, or send fewer records at once"


def digest_of(file: BinaryIO) -> str:
    digest = sha256()
    while piece := file.read(PIECE):
        digest.update(piece)
    file.seek(0)
    return digest.hexdigest()


def unpacked(file: BinaryIO, limit: int, kind: Kind) -> BinaryIO:
    """Read from the packed file as it is needed; Parquet, which is read from its end, from another file."""
    stream = cast(BinaryIO, io.BufferedReader(Unpacked(file, limit)))
    if kind.format != "parquet":
        return stream
    whole = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115
    with stream:
        shutil.copyfileobj(stream, whole)
    whole.seek(0)
    return whole


class Unpacked(io.RawIOBase):
    """What a gzip file holds, up to a limit: a bomb ends there."""

    def __init__(self, file: BinaryIO, limit: int) -> None:
        self.packed, self.inner, self.left, self.limit = file, gzip.GzipFile(fileobj=file, mode="rb"), limit, limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self.inner.read(len(buffer))
        except (OSError, EOFError, zlib.error) as error:
            raise Malformed(f"the body is not whole gzip: {error}") from error
        self.left -= len(data)
        if self.left < 0:
            raise TooLarge(f"the body unpacks to more than {self.limit:,} bytes; split the file")
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self.inner.close()
        self.packed.close()
        super().close()
