"""The children of a launcher: how they are started, heard and stopped."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO

from shared.processes import die_with_parent

WIDTH = 8
COLOURS = (36, 33, 32, 35, 34, 96, 93)
RESTARTS_A_MINUTE = 5


def wait_until(true: Callable[[], bool], seconds: float) -> bool:
    """Whether it became true in that time."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def command_line(process: int) -> str:
    """What the process was started with; empty when there is none."""
    if sys.platform == "linux":
        try:
            return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""
    return subprocess.run(["/bin/ps", "-o", "command=", "-p", str(process)], capture_output=True, text=True).stdout


def end_leftover(pid_file: Path, program: str) -> None:
    """Ends what a killed launcher left running, as it can on macOS; by now the number may be somebody else's."""
    try:
        process = int(pid_file.read_text().split()[0])
    except (FileNotFoundError, IndexError, ValueError):
        return
    for way in signal.SIGINT, signal.SIGKILL:
        if program in command_line(process):
            os.kill(process, way)
            wait_until(lambda: not command_line(process), seconds=5)
    pid_file.unlink(missing_ok=True)


def ends_with_launcher(way: signal.Signals) -> Callable[[], None]:
    """What a child has to run before its program, so that it gets the signal when this process is killed."""
    return partial(die_with_parent, way, os.getpid())


def stop(process: subprocess.Popen[bytes], way: signal.Signals, seconds: float) -> int:
    """Asks the process to end, makes it after so many seconds, and answers its exit code."""
    if process.poll() is None:
        process.send_signal(way)
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        kill(process)
        return process.wait()


def kill(process: subprocess.Popen[bytes]) -> None:
    """Ends it with all that it started."""
    with suppress(ProcessLookupError):
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def how(code: int) -> str:
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


class Log:
    """One log for many: each line under the name of the part that wrote it."""

    def __init__(self, out: BinaryIO) -> None:
        self.out = out
        self.coloured = out.isatty()
        self.lock = threading.Lock()
        self.colours: dict[str, int] = {}
        self.pipes: dict[str, int] = {}
        self.readers: list[threading.Thread] = []

    def pipe(self, name: str) -> int:
        """The file descriptor for what this part says."""
        if name not in self.pipes:
            reader, self.pipes[name] = os.pipe()
            self.readers.append(threading.Thread(target=self.copy, args=(name, reader), daemon=True))
            self.readers[-1].start()
        return self.pipes[name]

    def copy(self, name: str, reader: int) -> None:
        with open(reader, "rb") as lines:
            for line in lines:
                self.write(name, line.rstrip())

    def say(self, text: str, name: str = "up") -> None:
        for line in text.splitlines():
            self.write(name, line.encode())

    def raw(self, text: str) -> None:
        """A line that can be pasted as it is."""
        with self.lock, suppress(OSError):
            self.out.write(text.encode() + b"\n")
            self.out.flush()

    def write(self, name: str, line: bytes) -> None:
        prefix = f"{name:<{WIDTH}}| "
        if self.coloured:
            prefix = f"\033[{self.colours.setdefault(name, COLOURS[len(self.colours) % len(COLOURS)])}m{prefix}\033[0m"
        with self.lock, suppress(OSError):  # nobody may be reading any more; the parts go on
            self.out.write(prefix.encode() + line + b"\n")
            self.out.flush()

    def close(self) -> None:
        """Returns when the last words are out."""
        for pipe in self.pipes.values():
            os.close(pipe)
        for reader in self.readers:
            reader.join(timeout=2)


class Part:
    """A child that is started again when it dies, within reason."""

    def __init__(
        self, name: str, command: list[str], environment: Mapping[str, str], log: Log, patience: float, state: Path
    ) -> None:
        self.name = name
        self.command = [sys.executable, "-m", *command]
        self.environment = environment
        self.log = log
        self.patience = patience
        self.pid_file = state / f"{name}.pid"
        self.starts: deque[float] = deque(maxlen=RESTARTS_A_MINUTE + 1)
        end_leftover(self.pid_file, command[0])

    def start(self) -> None:
        self.starts.append(time.monotonic())
        self.process = subprocess.Popen(
            self.command,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=self.log.pipe(self.name),
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=ends_with_launcher(signal.SIGKILL),
        )
        self.pid_file.write_text(f"{self.process.pid}\n")

    def may_restart(self) -> bool:
        return len(self.starts) <= RESTARTS_A_MINUTE or time.monotonic() - self.starts[0] > 60

    def stop(self) -> None:
        code = stop(self.process, signal.SIGTERM, self.patience)
        self.pid_file.unlink(missing_ok=True)
        if code not in (0, -signal.SIGTERM):
            self.log.say(how(code), self.name)
