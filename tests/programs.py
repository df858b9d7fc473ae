"""Programs that start quickly: forked from a process that has imported the libraries, which is 3 s of a worker's 4.

Each is a process of its own, with its own environment, and imports by itself what is the project's.
"""

import atexit
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from shared.processes import die_with_parent

ROOT = Path(__file__).parents[1]
# None of them reads the environment when it is imported, as prometheus_client does.
LIBRARIES = (
    "alembic.command",
    "celery.apps.worker",
    "celery.bin.celery",
    "celery.concurrency.prefork",
    "email_validator",
    "fastapi",
    "kombu.transport.redis",
    "orjson",
    "pandas",
    "psycopg2",
    "pyarrow.csv",
    "pyarrow.parquet",
    "pydantic_settings",
    "redis.asyncio",
    "sklearn.compose",
    "sklearn.ensemble",
    "sklearn.pipeline",
    "sqlalchemy.dialects.postgresql",
    "sqlalchemy.orm",
    "uvicorn",
)


def fork_server() -> "multiprocessing.context.ForkServerContext":
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(LIBRARIES))
    return context


CONTEXT = fork_server()


class Program:
    """`python -m` these words; what a Popen has of methods that the tests use."""

    def __init__(self, words: list[str], environment: Mapping[str, str], log: Path, group: bool = False) -> None:
        arguments = (words, {**os.environ, **environment}, str(log), group)
        self.process = CONTEXT.Process(target=run, args=arguments, daemon=True)
        self.process.start()
        assert self.process.pid is not None
        self.pid: int = self.process.pid

    @property
    def returncode(self) -> int | None:
        return self.process.exitcode

    def poll(self) -> int | None:
        return self.process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self.process.join(timeout)
        if self.process.exitcode is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return self.process.exitcode

    def send_signal(self, way: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, way)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def run(words: list[str], environment: dict[str, str], log: str, group: bool) -> None:
    """In the new process, which is to look like one that a shell has started."""
    if group:
        os.setsid()
        die_with_parent(signal.SIGKILL, os.getppid())
    os.chdir(ROOT)
    os.environ.clear()
    os.environ.update(environment)
    with open(log, "ab", buffering=0) as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.argv = ["", *words[1:]]
    try:
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
    finally:
        atexit._run_exitfuncs()
