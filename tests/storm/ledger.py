"""What was promised to a client, on disk before the client does anything else."""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock


@dataclass(frozen=True)
class Promise:
    """A 202, or a 200 with the output: the job, and the seed of which what was sent is made."""

    job: str
    lane: str
    model: str
    seed: int
    size: int
    key: str | None
    income: float | None = None  # of the one record that is not like the others


class Ledger:
    """Append, flush, fsync; read back only at the end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.path.touch()
        self.lock = Lock()

    def note(self, promise: Promise) -> None:
        with self.lock, open(self.path, "a") as file:
            file.write(json.dumps(asdict(promise)) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def __iter__(self) -> Iterator[Promise]:
        with open(self.path) as lines:
            for line in lines:
                yield Promise(**json.loads(line))
