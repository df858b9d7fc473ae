"""Sending versions through the load gate that nobody has loaded before: `python -m worker.checking 7` for that of id 7.

In a process of its own: should a model hang, or take its process with it, then no worker's. A thread in one process of
each worker looks for such versions and starts it.
"""

import logging
import os
import signal
import subprocess
import sys
import threading
import time

from shared import registry
from shared.db import statement, transaction
from shared.processes import die_with_parent
from shared.tables import Version
from worker import models
from worker.gate import CannotLoad, Unfit
from worker.pace import slice_records
from worker.store import StoreAway

LOOK_SECONDS = 1.0
AGAIN_SECONDS = 10.0
LONGEST_SECONDS = 120
NOT_NOW = 75  # as in sysexits.h: the store is away, or memory is short, which may pass

log = logging.getLogger(__name__)


def start() -> None:
    threading.Thread(target=run, name="checking", daemon=True).start()


def run() -> None:
    """Goes on, whatever happens: without it no new version is ever served."""
    clock, left_until = threading.Event(), dict[int, float]()
    while not clock.wait(LOOK_SECONDS):
        try:
            with statement() as session:
                found = registry.unchecked(session)
            left_until = {version: until for version, until in left_until.items() if version in found}
            for version in found:
                if time.monotonic() >= left_until.get(version, 0):
                    check_apart(version)
                    left_until[version] = time.monotonic() + AGAIN_SECONDS  # for one that could not be checked
        except Exception as error:
            log.warning("new versions are not checked yet: %s", error)


def check_apart(version_id: int) -> None:
    """Has a version checked; what its process dies of, it has failed on."""
    command = [sys.executable, "-m", "worker.checking", str(version_id)]
    # It counts nothing: each process that did would leave its files for every scrape to read.
    env = {name: value for name, value in os.environ.items() if name != "PROMETHEUS_MULTIPROC_DIR"}
    try:
        code = subprocess.run(command, env=env, timeout=LONGEST_SECONDS, check=False).returncode  # noqa: S603  our words
        failure = f"ended its process by {signal.Signals(-code).name}" if code < 0 else None
    except subprocess.TimeoutExpired:
        failure = f"took longer than {LONGEST_SECONDS} s"
    if failure:
        with statement() as session:
            registry.fail(session, version_id, f"loading it and scoring its example {failure}")


def check(version_id: int) -> None:
    """Notes that the version passed, with what was measured, or why it failed."""
    with transaction() as session:
        version = session.get_one(Version, version_id)
    try:
        passed = models.opened(version)
    except Unfit as error:
        with statement() as session:
            registry.fail(session, version_id, error.detail)
        return
    measured = slice_records(passed.estimator, passed.signature, version.example)
    with statement() as session:
        registry.confirm(session, version_id, passed.example_output, measured)


def main(version_id: int) -> None:
    die_with_parent(signal.SIGKILL)
    try:
        check(version_id)
    except (CannotLoad, StoreAway) as error:
        log.warning("version %d is not checked yet: %s", version_id, error.detail)
        sys.exit(NOT_NOW)


if __name__ == "__main__":
    main(int(sys.argv[1]))
