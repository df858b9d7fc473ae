"""The children of a launcher."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path


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
    return subprocess.run(
        ["/bin/ps", "-o", "command=", "-p", str(process)], capture_output=True, text=True
    ).stdout.strip()


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


def stop(process: subprocess.Popen[bytes], way: signal.Signals, seconds: float) -> int:
    """Asks the process to end, makes it after so many seconds, and answers its exit code."""
    if process.poll() is None:
        process.send_signal(way)
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()
