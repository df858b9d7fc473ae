"""One process of the service with its children, and what can be done to it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from cli.processes import ends_with_launcher, kill, stop

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 60


class Program:
    """A module of Python, started from the main thread: with that it ends."""

    def __init__(self, name: str, words: list[str], environment: Mapping[str, str], folder: Path) -> None:
        self.name = name
        self.words = words
        self.environment = environment
        self.log = folder / f"{name}.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *self.words],
                cwd=ROOT,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=ends_with_launcher(signal.SIGKILL),
            )

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def runs(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """kill -9 of the process alone; its children have to find out by themselves."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def end(self) -> int:
        """An orderly end."""
        assert self.process is not None
        return stop(self.process, signal.SIGTERM, PATIENCE_SECONDS)

    def clear_away(self) -> None:
        """Ends it with all that it started, whatever state it is in."""
        if self.process is not None:
            kill(self.process)
            self.process.wait()

    def freeze(self) -> None:
        freeze(self.pid)

    def thaw(self) -> None:
        thaw(self.pid)

    def children(self) -> list[int]:
        return list(descendants(self.pid))


def freeze(pid: int) -> None:
    """The parent first, so that it starts nothing more."""
    send(signal.SIGSTOP, pid)
    for child in descendants(pid):
        send(signal.SIGSTOP, child)


def thaw(pid: int) -> None:
    for child in (*descendants(pid), pid):
        send(signal.SIGCONT, child)


def send(way: signal.Signals, pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, way)


def descendants(pid: int) -> Iterator[int]:
    """By the parents that /proc names; only Linux has it, as it has most of what a storm does."""
    for child, parent in parents().items():
        if parent == pid:
            yield child
            yield from descendants(child)


def parents() -> dict[int, int]:
    found = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            found[int(entry.parent.name)] = int(entry.read_text().rpartition(")")[2].split()[1])
    return found
