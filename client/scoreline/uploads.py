"""A file on its way to the service."""

from collections.abc import Callable, Iterator
from pathlib import Path

from scoreline.errors import ScorelineError, Unusable
from scoreline.formats import upload_headers

CHUNK_BYTES = 1 << 18
Told = Callable[[int, int], None]


class Upload:
    """Reads the file piece by piece as it is sent, once for each time that it is sent."""

    def __init__(self, path: Path, told: Told | None = None) -> None:
        self.path, self.size, self.told = path, size_of(path), told
        self.headers = upload_headers(path) | {"Content-Length": str(self.size)}

    def chunks(self) -> Iterator[bytes]:
        """No more than the size that was promised, however the file grows."""
        sent = 0
        with open(self.path, "rb") as file:
            while chunk := file.read(min(CHUNK_BYTES, self.size - sent)):
                yield chunk
                sent += len(chunk)
                if self.told:
                    self.told(sent, self.size)
        if sent < self.size:
            raise ScorelineError(f'"{self.path}" became shorter while it was sent; nothing was submitted')


def size_of(path: Path) -> int:
    """Of a file that can be sent; Unusable where it cannot, before anything else is tried."""
    if path.is_dir():
        raise Unusable(f'"{path}" is a folder; name a file in it')
    if path.exists() and not path.is_file():
        raise Unusable(f'"{path}" is a pipe or a device; its CSV can be piped in: scoreline score - < {path}')
    try:
        with open(path, "rb"):
            size = path.stat().st_size
    except FileNotFoundError:
        raise Unusable(f'there is no file "{path}"; check its name and folder') from None
    except OSError as error:
        raise Unusable(f'"{path}" cannot be read: {error.strerror}') from error
    if size == 0:
        raise Unusable(f'"{path}" is empty; it needs at least one record, and as CSV a header before it')
    return size
