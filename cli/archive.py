"""The file of a backup: a tar of a dump of the database, the artefacts under their digests, and what both must be."""

import io
import os
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from tempfile import mkstemp
from typing import IO, BinaryIO, Literal

from pydantic import BaseModel, ValidationError

BLOCK = tarfile.BLOCKSIZE
PIECE = 1 << 20
DUMP, MANIFEST = "database.dump", "manifest.json"


class Damaged(Exception):
    """The file is no backup, or not all of it is what was stored."""


class Manifest(BaseModel):
    """What a backup holds: `artefacts` are digests by name, `postgres` is the major version of its server."""

    format: Literal[1] = 1
    created_at: str
    postgres: int
    revision: str
    dump: str
    artefacts: dict[str, str]


def inside(digest: str) -> str:
    """The name of an artefact in the tar: of one length whatever it is called, and no path of anybody's."""
    return f"models/{digest}"


@contextmanager
def replacing(path: Path, mode: int) -> Iterator[Path]:
    """A new file that takes the place of `path` at the end of the block, and is gone if the block fails."""
    if not path.parent.is_dir():
        raise NotADirectoryError(f'there is no folder "{path.parent}"; make it first')
    number, name = mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.fchmod(number, mode)
    os.close(number)
    new = Path(name)
    try:
        yield new
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def copied(source: IO[bytes], target: IO[bytes]) -> tuple[int, str]:
    """How many bytes went over, and their digest."""
    digest, size = sha256(), 0
    while piece := source.read(PIECE):
        target.write(piece)
        digest.update(piece)
        size += len(piece)
    return size, digest.hexdigest()


def add(file: BinaryIO, name: str, source: IO[bytes]) -> str:
    """Appends what the source yields, whose size is known only then; the digest."""
    start = file.tell()
    file.write(bytes(BLOCK))
    size, digest = copied(source, file)
    file.write(bytes(-size % BLOCK))
    header = tarfile.TarInfo(name)
    header.size, header.mode, header.mtime = size, 0o600, int(time.time())
    file.seek(start)
    file.write(header.tobuf(tarfile.GNU_FORMAT))
    file.seek(0, os.SEEK_END)
    return digest


def close(file: BinaryIO, manifest: Manifest) -> None:
    """Ends the tar, and has it on the disk."""
    add(file, MANIFEST, io.BytesIO(manifest.model_dump_json(indent=1).encode()))
    file.write(bytes(2 * BLOCK))
    file.flush()
    os.fsync(file.fileno())


class Archive:
    """A backup whose every byte was found to be what was stored."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self.tar = tar
        with self.open(MANIFEST) as file:
            self.manifest = Manifest.model_validate_json(file.read())
        self.check(DUMP, self.manifest.dump)
        for digest in self.manifest.artefacts.values():
            self.check(inside(digest), digest)

    def open(self, name: str) -> IO[bytes]:
        file = self.tar.extractfile(name)
        if file is None:
            raise KeyError(name)
        return file

    def check(self, name: str, digest: str) -> None:
        with self.open(name) as file, open(os.devnull, "wb") as nowhere:
            if copied(file, nowhere)[1] != digest:
                raise Damaged(f"{name} in it is not what was stored")


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    with open(path, "rb") as file:
        yield verified(file)


def verified(file: BinaryIO) -> Archive:
    try:
        return Archive(tarfile.open(fileobj=file, mode="r:"))
    except (tarfile.TarError, KeyError, ValidationError, Damaged) as error:
        raise Damaged(f"{file.name} is no backup, or is damaged: {error}") from error
