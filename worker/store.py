"""The artefacts: files in MODELS_URL, which is a folder or, by way of fsspec, an object store with a cache of it here.

Nothing is unpickled here, and nothing here is believed: whoever loads an artefact compares its digest first.
"""

import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import joblib

from shared.errors import ScorelineError
from shared.settings import settings

log = logging.getLogger(__name__)


class StoreAway(ScorelineError):
    """An artefact cannot be read or written now; that may pass."""

    code = "models_unavailable"


def folder() -> Path:
    return Path(settings().models_url)


def is_remote() -> bool:
    return "://" in settings().models_url


def read(artifact: str, digest: str) -> bytes:
    """The bytes of an artefact, whichever they are; of an object store from the cache, if the digest is there."""
    if not is_remote():
        with reaching(artifact):
            return (folder() / artifact).read_bytes()
    if (kept := cached(digest)) is not None:
        return kept
    content = fetched(artifact)
    if sha256(content).hexdigest() == digest:
        keep(digest, content)
    return content


def write(artifact: str, content: bytes) -> None:
    """Puts an artefact into MODELS_URL: all of it or nothing."""
    with reaching(artifact):
        if is_remote():
            files, root = remote()
            files.makedirs(root, exist_ok=True)
            files.pipe_file(f"{root}/{artifact}", content)
        else:
            replace(folder() / artifact, content)


def packed(fitted: Any) -> bytes:
    """What an artefact holds of a fitted pipeline."""
    buffer = BytesIO()
    joblib.dump(fitted, buffer, compress=3)
    return buffer.getvalue()


def name_of(model: str, content: bytes) -> str:
    return f"{model}-{sha256(content).hexdigest()[:16]}.joblib"


@contextmanager
def reaching(artifact: str) -> Iterator[None]:
    """What is wrong with the store as one error that says what to do."""
    try:
        yield
    except FileNotFoundError as error:
        raise StoreAway(f"{artifact} is not in MODELS_URL; put it there") from error
    except Exception as error:  # each store has errors of its own
        what = f"{type(error).__name__}: {error}"[:200]
        said = f"MODELS_URL does not give or take {artifact} ({what}); see whether it can be reached"
        raise StoreAway(said) from error


def remote() -> tuple[Any, str]:
    """The file system of the store and the folder in it; the packages that speak with it are imported only now."""
    import fsspec

    files, root = fsspec.core.url_to_fs(settings().models_url)
    return files, root.rstrip("/")


def fetched(artifact: str) -> bytes:
    with reaching(artifact):
        files, root = remote()
        content: bytes = files.cat_file(f"{root}/{artifact}")
    return content


def cache() -> Path:
    if settings().models_cache:
        return Path(settings().models_cache)
    home = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))
    writable = os.access(home if home.exists() else home.parent, os.W_OK)
    return (home if writable else Path(tempfile.gettempdir())) / "scoreline-models"


def cached(digest: str) -> bytes | None:
    """The bytes of this digest, if they are here and nobody has spoiled them."""
    path = cache() / digest
    try:
        content = path.read_bytes()
    except OSError:
        return None
    if sha256(content).hexdigest() != digest:
        log.warning("%s is spoiled; fetching it anew", path)
        return None
    with suppress(OSError):
        os.utime(path)  # the time of the last use
    return content


def keep(digest: str, content: bytes) -> None:
    """Into the cache, if it takes that; a full disk is no reason not to score."""
    try:
        cache().mkdir(mode=0o700, parents=True, exist_ok=True)
        replace(cache() / digest, content)
        tidy()
    except OSError as error:
        log.warning("not kept in MODELS_CACHE, and to be fetched again: %s", error)


def tidy() -> None:
    """Removes what was not used for longest, down to MODELS_BYTES; other processes may do so at the same time."""
    sizes: dict[Path, tuple[float, int]] = {}
    for path in cache().iterdir():
        with suppress(FileNotFoundError):
            found = path.stat()
            sizes[path] = (found.st_mtime, found.st_size)
    room = settings().models_bytes
    for path in sorted(sizes, key=lambda path: sizes[path], reverse=True):
        room -= sizes[path][1]
        if room < 0:
            path.unlink(missing_ok=True)


def replace(path: Path, content: bytes) -> None:
    """Writes a file so that nobody ever sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, unfinished = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o644)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        os.replace(unfinished, path)
    except BaseException:
        os.unlink(unfinished)
        raise
