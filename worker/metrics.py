"""Where the processes of a worker count together, and the program that tells Prometheus.

To be imported before anything that counts: how a metric is kept is settled when it is made.
"""

import atexit
import logging
import os
import shutil
import subprocess
import sys
from tempfile import mkdtemp
from typing import Any

from billiard.process import current_process
from celery import bootsteps
from prometheus_client import multiprocess, values

from shared.settings import settings

LOOK_SECONDS = 3.0

log = logging.getLogger(__name__)


def place() -> int | str:
    """The name of this process's files: its place in the pool.

    Who takes the place of a process that died goes on counting where that stopped. With the numbers of processes for
    names, each one that dies would leave its files for every scrape to read.
    """
    index: int | str = getattr(current_process(), "index", "main")
    return index


def shared_folder() -> str | None:
    """A new folder in which every process of this worker counts from now on; None if nobody is to be told."""
    if not settings().metrics_port:
        return None
    folder = mkdtemp(prefix="scoreline-metrics-")
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
    values.ValueClass = values.MultiProcessValue(place)
    atexit.register(remove, folder, os.getpid())
    return folder


def remove(folder: str, owner: int) -> None:
    if os.getpid() == owner:  # and not a child of it
        shutil.rmtree(folder, ignore_errors=True)


FOLDER = shared_folder()


def take_place() -> None:
    """Forgets what the process that was here before had in use."""
    if FOLDER:
        os.makedirs(FOLDER, mode=0o700, exist_ok=True)  # whoever tidies /tmp must not keep us from work
        multiprocess.mark_process_dead(place(), FOLDER)


class Exporter(bootsteps.StartStopStep):  # type: ignore[misc]
    """Keeps `worker.exporter` running beside the worker.

    A program of its own: a thread of this process would be forked into the children, with whatever locks it holds.
    """

    requires = ("celery.worker.components:Timer", "celery.worker.components:Pool")

    def include_if(self, worker: Any) -> bool:
        return FOLDER is not None

    def start(self, worker: Any) -> None:
        self.run()
        self.timer = worker.timer.call_repeatedly(LOOK_SECONDS, self.look)

    def run(self) -> None:
        where = (str(FOLDER), settings().metrics_host, str(settings().metrics_port), str(os.getpid()))
        self.process = subprocess.Popen(  # noqa: S603  all of it our own words
            [sys.executable, "-m", "worker.exporter", *where], stdin=subprocess.DEVNULL, start_new_session=True
        )

    def look(self) -> None:
        if (code := self.process.poll()) is not None:
            log.warning("the exporter of metrics ended with %d; starting it again", code)
            self.run()

    def stop(self, worker: Any) -> None:
        self.timer.cancel()
        self.process.kill()
        self.process.wait()
