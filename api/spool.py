"""An upload on its way to the disk, counted as it comes."""

import gzip
import io
import shutil
import tempfile
from dataclasses import dataclass
from hashlib import sha256
from typing import BinaryIO, cast

from fastapi import Request

from shared.errors import Malformed, TooLarge, UnsupportedType

TYPES = {
    "text/csv": "csv",
    "application/x-ndjson": "ndjson",
    "application/json": "json",
    "application/vnd.apache.parquet": "parquet",
}


@dataclass(frozen=True)
class Upload:
    """A body on disk, in a file without a name: nothing of it is left, however the process ends."""

    file: BinaryIO
    format: str
    charset: str
    sha256: str

    def __enter__(self) -> "Upload":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()


async def spooled(request: Request, limit: int, json_limit: int) -> Upload:
    """The whole body, as it is to be read: unpacked when it came as gzip, no longer than the limit either way."""
    kind, charset = content_type(request)
    most = min(limit, json_limit) if kind == "json" else limit
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise UnsupportedType("send the body as it is, or with Content-Encoding: gzip")
    file, digest, size = cast(BinaryIO, tempfile.TemporaryFile()), sha256(), 0  # noqa: SIM115 closed by who reads it
    async for chunk in request.stream():
        size += len(chunk)
        if size > most:
            file.close()
            raise TooLarge(f"a body of this type may have at most {most:,} bytes; split the file")
        digest.update(chunk)
        file.write(chunk)
    if size == 0:
        file.close()
        raise Malformed("the body is empty; send the file as the body")
    file.seek(0)
    readable = unpacked(file, most, kind) if encoding == "gzip" else file
    return Upload(readable, kind, charset, digest.hexdigest())


def unpacked(file: BinaryIO, limit: int, kind: str) -> BinaryIO:
    """Read from the packed file as it is needed; Parquet, which is read from its end, from another file."""
    readable = cast(BinaryIO, io.BufferedReader(Unpacked(file, limit)))
    if kind != "parquet":
        return readable
    whole = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115
    with readable:
        shutil.copyfileobj(readable, whole)
    whole.seek(0)
    return whole


def content_type(request: Request) -> tuple[str, str]:
    """The format of the body, and the charset it names."""
    written, *parameters = request.headers.get("content-type", "").split(";")
    kind = TYPES.get(written.strip().lower())
    if kind is None:
        raise UnsupportedType(f"send the file with one of these as its Content-Type: {', '.join(TYPES)}")
    named = dict(part.strip().lower().split("=", 1) for part in parameters if "=" in part)
    return kind, named.get("charset", "utf-8").strip('"')


class Unpacked(io.RawIOBase):
    """What a gzip file holds, up to a limit: a bomb ends there."""

    def __init__(self, file: BinaryIO, limit: int) -> None:
        self.packed, self.inner, self.left, self.limit = file, gzip.GzipFile(fileobj=file), limit, limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            data = self.inner.read(len(buffer))
        except (OSError, EOFError) as error:
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
