"""`scoreline up` in an empty folder: how long until the first prediction, and how much memory all of it takes."""

import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import Any

from benchmarks import memory
from benchmarks.report import Figure, Section
from cli.servers import free_port

NOTE = """\
`scoreline up` on an installed machine and in an empty folder, from the start of the command to the answer of the `curl`
that it prints: servers, migrations, training on the sample, worker with two processes, Flower, API. Memory is the
proportional set size of everything together, after that answer."""


def measure(_: Any, __: Any, ___: Sequence[int], rounds: int) -> Section:
    found = []
    for number in range(rounds):
        found.append(one_round())
        print(f"start, round {number + 1} of {rounds}: {found[-1][0]:.1f} s, {found[-1][1]:.0f} MB", flush=True)
    return Section(
        "Start",
        NOTE,
        [
            Figure("to the first prediction", "s", [seconds for seconds, _ in found], 10),
            Figure("memory of everything", "MB", [megabytes for _, megabytes in found], 600),
        ],
    )


def one_round() -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as folder:
        ports = [f"--port={free_port()}", f"--flower-port={free_port()}"]
        began = time.perf_counter()
        command = [sys.executable, "-m", "scoreline.commands", "up", *ports]
        launcher = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
        try:
            answer = subprocess.check_output(["sh", "-c", printed_curl(launcher)], cwd=folder, text=True)
            seconds = time.perf_counter() - began
            if '"status":"succeeded"' not in answer:
                raise RuntimeError(f"not succeeded: {answer}")
            return seconds, memory.megabytes([launcher.pid])
        finally:
            launcher.send_signal(signal.SIGINT)
            launcher.communicate()


def printed_curl(launcher: subprocess.Popen[str]) -> str:
    assert launcher.stdout is not None
    for line in launcher.stdout:
        if line.startswith("curl"):
            return line
    raise RuntimeError("scoreline up ended before it was ready")
