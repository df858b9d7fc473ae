"""Answers /metrics with what the processes of a worker counted in a folder: `python -m worker.exporter`.

It ends with the worker, also with one that was killed, and then leaves no folder behind.
"""

import os
import shutil
import signal
import sys
import time

from prometheus_client import start_http_server
from prometheus_client.multiprocess import MultiProcessCollector

from shared.processes import die_with_parent

WORKER_DIED = signal.SIGUSR1  # any other ends the exporter alone, while processes of the worker may still count


def main(folder: str, host: str, port: int, worker: int) -> None:
    serve(folder, host, port)
    signal.signal(WORKER_DIED, lambda *_: clean_up(folder))
    die_with_parent(WORKER_DIED, worker)
    while os.getppid() == worker:
        time.sleep(1)
    clean_up(folder)  # on macOS, where nobody sends the signal


def clean_up(folder: str) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    sys.exit()


def serve(folder: str, host: str, port: int) -> None:
    try:
        start_http_server(port, host, MultiProcessCollector(None, folder))
    except OSError as error:
        sys.exit(f"METRICS_PORT {port} on METRICS_HOST {host}: {error.strerror}; choose another")


if __name__ == "__main__":
    folder, host, port, worker = sys.argv[1:]
    main(folder, host, int(port), int(worker))
