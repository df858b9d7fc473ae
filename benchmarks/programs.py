"""Programs timed as whole processes, with the memory that they took."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType

from benchmarks import memory

COMMAND = "command"
LOOK_SECONDS = 0.05
NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Run:
    """A program from its start to its end; the peak of its memory in megabytes, and of others that worked for it."""

    seconds: float
    peaks: Mapping[str, float]


def run(module: str, *arguments: object, more: Mapping[str, str] = NOTHING) -> Run:
    """A module of Python as a program, which may have as many threads as it likes."""
    environment = {name: value for name, value in {**os.environ, **more}.items() if name != "OMP_NUM_THREADS"}
    command = [sys.executable, "-m", module, *map(str, arguments)]
    began = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    peak, said = followed(process)
    seconds = time.perf_counter() - began
    if process.returncode:
        raise RuntimeError(f"{module} ended with exit code {process.returncode}: {said.decode(errors='replace')}")
    return Run(seconds, {COMMAND: peak})


def followed(process: subprocess.Popen[bytes]) -> tuple[float, bytes]:
    """Its peak and all that it said, once it has ended. The peak in `os.wait4` begins with that of this process."""
    peak, said = 0.0, None
    while said is None:
        peak = max(peak, memory.peak(process.pid))
        with suppress(subprocess.TimeoutExpired):
            said, _ = process.communicate(timeout=LOOK_SECONDS)
    return peak, said
