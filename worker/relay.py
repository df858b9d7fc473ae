"""The timer of every worker: a sign of life, lost hints sent again, dead workers' slices taken back.

It runs in the event loop of the main process, since a thread there would be forked into the children. Any number of
relays may run: each of their statements is guarded.
"""

import logging
import mmap
import os
import signal
import time
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from itertools import islice
from typing import Any

from billiard.process import current_process
from celery import bootsteps
from sqlalchemy.orm import Session

from shared import health, idempotency, jobs, metrics, queue
from shared.db import after_commit, make_engine, transaction
from shared.errors import DatabaseAway
from shared.settings import settings
from shared.tables import Lane
from worker import counts, slots

PATIENCE_SECONDS = 2.0
LOOK_SECONDS = 0.1
ERASE_SECONDS = 0.1
MOST_EXPIRED = 5  # statements a round, of up to 1,000 slices each: this loop also carries the hints

log = logging.getLogger(__name__)

# Records scored by each process of this worker, in memory that is shared since they are forked from here. One place a
# process and no lock, which a killed process could leave locked.
MOST_PROCESSES = 1024
_scored = memoryview(mmap.mmap(-1, 8 * MOST_PROCESSES)).cast("q")


def scored(records: int) -> None:
    _scored[current_process().index % MOST_PROCESSES] += records


class Pace:
    """Records per second over about the last ten seconds of work."""

    def __init__(self) -> None:
        self.rate, self.records, self.at = 0.0, 0, time.monotonic()

    def measure(self) -> float:
        records, now = sum(_scored), time.monotonic()
        if records > self.records:
            rate = (records - self.records) / (now - self.at)
            self.rate += (rate - self.rate) * (0.2 if self.rate else 1)
        self.records, self.at = records, now
        return self.rate


def kill(process: Any) -> None:
    slots.forget(process.index)
    with suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGKILL)


def send_again(lane: Lane, wanted: int) -> None:
    if sent := queue.top_up(lane, "relay", wanted):
        counts.RESENT[lane].inc(sent)
        log.info("sent %d lost hints again, %s lane", sent, lane)


class Relay(bootsteps.StartStopStep):  # type: ignore[misc]
    requires = ("celery.worker.components:Timer", "celery.worker.components:Pool")

    def start(self, worker: Any) -> None:
        self.name, self.slots = worker.hostname, worker.concurrency
        self.lanes = [name for name in worker.app.amqp.queues.consume_from if name in list(Lane)]
        self.engine = make_engine(0, statement_seconds=PATIENCE_SECONDS)
        self.pace = Pace()
        self.reading_since: float | None = None
        self.pool = worker.pool
        slots.announce(self.slots)
        self.tick()
        self.timer = worker.timer.call_repeatedly(settings().relay_seconds, self.tick)

    def stop(self, worker: Any) -> None:
        """Gives what runs some seconds to end, and then gives it back, for another worker to begin at once."""
        self.timer.cancel()
        if not self.all_end(settings().stop_seconds):
            for process in self.processes():
                kill(process)
            worker.pool.terminate()
        self.leave()

    def terminate(self, worker: Any) -> None:
        """The same, in a hurry: the processes are ended right after this."""
        self.timer.cancel()
        for process in self.processes():
            kill(process)
        self.leave()

    def leave(self) -> None:
        try:
            with transaction(self.engine) as session:
                for lane, given_back in jobs.release(session, self.name).items():
                    log.warning("gave %d slices back that were not done, %s lane", given_back, lane)
                    after_commit(session, partial(send_again, lane, given_back))
                health.forget_worker(session, self.name)
        except (DatabaseAway, *queue.AWAY) as error:
            log.warning("%s", error)

    def all_end(self, seconds: float) -> bool:
        """Whether all processes came to the end of their claims in that time; looks twice, as one may just begin."""
        deadline, idle = time.monotonic() + seconds, 0
        while idle < 2:
            if time.monotonic() > deadline:
                return False
            time.sleep(LOOK_SECONDS)
            idle = 0 if any(slots.is_busy(process.index) for process in self.processes()) else idle + 1
        return True

    def processes(self) -> list[Any]:
        return [process for process in self.pool._pool._pool if process.is_alive()] if self.pool._pool else []

    def end_hung(self) -> None:
        """Ends who has had his time, even one that holds the interpreter; a relay rescues what he held."""
        for process in self.processes():
            if slots.is_late(process.index):
                log.warning("ending process %d, which scored for longer than SLICE_SECONDS", process.pid)
                kill(process)

    def tick_if_due(self) -> None:
        """For while the event loop stands still, as it does without Redis."""
        if time.monotonic() - self.ticked_at >= settings().relay_seconds:
            self.tick()

    def tick(self) -> None:
        """One round. What fails is tried again in the next."""
        self.ticked_at = time.monotonic()
        try:
            self.end_hung()
            with transaction(self.engine) as session:
                self.look_after(session)
            self.reading_since = self.reading_since or time.monotonic()
            self.erase()
        except queue.AWAY as error:
            log.warning("hints not sent: %s", error)
        except Exception as error:  # the next round may find the database back, or migrated
            self.reading_since = None
            log.warning("%s", error)

    def look_after(self, session: Session) -> None:
        idempotency.forget(session)
        health.see_worker(session, self.name, self.lanes, self.slots, self.pace.measure())
        if self.may_rescue() and (rescued := jobs.rescue(session)):
            log.warning("took back %d slices of workers that died", rescued.total())
            after_commit(session, partial(counts.RESCUED.inc, rescued.total()))
            for lane, slices in rescued.items():
                after_commit(session, partial(send_again, lane, slices))
        for expired in islice(iter(partial(jobs.expire, session), []), MOST_EXPIRED):
            after_commit(session, partial(queue.announce, [asdict(job) for job in expired]))
            after_commit(session, partial(metrics.finished, [job.status for job in expired]))
        for lane in Lane:
            if waiting := jobs.overdue(session, lane):
                after_commit(session, partial(send_again, lane, waiting))

    def erase(self) -> None:
        """Small batches, each in a transaction of its own: 500 singles take 12 ms."""
        days, began = settings().retention_days, time.monotonic()
        while days and time.monotonic() - began < ERASE_SECONDS:
            with transaction(self.engine) as session:
                if not jobs.erase(session, days):
                    return

    def may_rescue(self) -> bool:
        """Only after a whole lease of reading the database: its outage is nobody's crash."""
        return self.reading_since is not None and time.monotonic() - self.reading_since > settings().lease_seconds
