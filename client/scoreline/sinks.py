"""Where results go."""

import os
import shutil
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

from scoreline.errors import ScorelineError, Unusable
from scoreline.formats import named

GZIP = 31  # how zlib calls its format with gzip's header
LEVEL = 1  # 100 MB/s, and the digits of results get no smaller at 6, which does 17 MB/s


class Sink:
    """Takes a download as it comes, packed if asked; and again from its beginning, where the file allows it."""

    def __init__(self, file: BinaryIO, is_packed: bool = False, rewinds: bool = True) -> None:
        self.file, self.is_packed, self.written = file, is_packed, 0
        self.start = file.tell() if rewinds and file.seekable() else None
        self.packer: Any = None

    def begin(self) -> None:
        """Forgets what came before the connection broke."""
        if self.written:
            if self.start is None:
                raise ScorelineError("the connection broke in the middle, and part of the results is written already")
            self.file.seek(self.start)
            self.file.truncate()
        self.written = 0
        self.packer = zlib.compressobj(LEVEL, zlib.DEFLATED, GZIP) if self.is_packed else None

    def write(self, data: bytes) -> None:
        self.put(self.packer.compress(data) if self.packer else data)

    def finish(self) -> None:
        if self.packer:
            self.put(self.packer.flush())
        with writing():
            self.file.flush()

    def put(self, data: bytes) -> None:
        with writing():
            self.file.write(data)
        self.written += len(data)


@contextmanager
def writing() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise  # who reads has seen enough
    except OSError as error:
        raise ScorelineError(f"the results cannot be written: {error.strerror}") from error


def sink(out: str | Path | BinaryIO | Sink) -> AbstractContextManager[Sink]:
    if isinstance(out, Sink):
        return nullcontext(out)
    if isinstance(out, str | Path):
        return replaced(Path(out))
    return nullcontext(Sink(out))


@contextmanager
def replaced(path: Path) -> Iterator[Sink]:
    """Takes the place of the file once everything went well; until then, and if it did not, nothing is changed."""
    path = path.resolve()  # what a link points to, not the link
    is_packed = named(path).is_packed
    if path.exists() and not path.is_file():
        with opened(path, path, "wb") as file:
            yield Sink(file, is_packed, rewinds=False)  # a pipe or a device has no place to take
        return
    part = path.with_name(f".scoreline-{uuid4().hex[:12]}.part")
    try:
        with opened(part, path, "xb") as file:
            if path.exists():
                shutil.copymode(path, part)
            yield Sink(file, is_packed)
        os.replace(part, path)
    finally:
        with suppress(FileNotFoundError):
            part.unlink()


@contextmanager
def opened(path: Path, meant: Path, mode: str) -> Iterator[BinaryIO]:
    file = writable(path, meant, mode)
    try:
        yield file
    except BaseException:
        with suppress(OSError):  # a full disk is full here, too
            file.close()
        raise
    with writing():
        file.close()


def writable(path: Path, meant: Path, mode: str) -> BinaryIO:
    """Open, or Unusable in the words of the file that is meant."""
    try:
        return open(path, mode)  # type: ignore[return-value]
    except FileNotFoundError:
        raise Unusable(f'there is no folder "{meant.parent}"; make it first') from None
    except IsADirectoryError:
        raise Unusable(f'"{meant}" is a folder; name a file in it') from None
    except OSError as error:
        raise Unusable(f'"{meant}" cannot be written: {error.strerror}') from error
