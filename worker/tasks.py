"""The one task: a hint came, so claim what waits in its lane, score it, and hand on if more waits."""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from typing import Any, TypeVar

from celery import Task, shared_task
from sqlalchemy import Connection

from shared import jobs, metrics, queue
from shared.db import statement
from shared.errors import DatabaseAway
from shared.jobs import Changed, Claimed, Result
from shared.settings import settings
from shared.tables import Lane
from worker import counts, isolation, models, relay, scoring, slots
from worker.lease import kept

FINISH_TRIES, FINISH_PAUSE_SECONDS = 120, 0.5
FINISH_SECONDS = 600.0
MOST_NAMED = 10
LANES = list(Lane)
# Isolated from the first crash on, a record cannot do it: this many workers died for other reasons, or a bug of ours.
MOST_CRASHES = 10
KILLS_WORKERS = {
    "code": "killed_worker",
    "detail": f"{MOST_CRASHES} workers died while they held this record; see the worker's log, then retry the job",
}

Changes = TypeVar("Changes")

log = logging.getLogger(__name__)


@shared_task(name=queue.TASK, bind=True)
def score(self: Task, lane: str) -> str:
    """One claim. Run twice, or for nothing, it harms nothing. What it returns is for people, in Flower."""
    if lane not in LANES:
        log.warning("discarded a hint for a lane that there is not")
        return "no such lane"
    began, where = time.perf_counter(), Lane(lane)
    me = f"{self.request.hostname}/{os.getpid()}"
    try:
        with statement() as session:
            isolate = slots.may_isolate()
            held = jobs.claim(session, where, me, settings().lease_seconds, isolate=isolate)
    except DatabaseAway as error:
        log.warning("nothing claimed, a relay will send the hint again: %s", error)
        disclaim(me)
        return "the database was away"
    if not held:
        return "nothing waited"
    with kept(held):
        records = settle(where, held, results_of(where, held))
    hand_on(where, held)
    relay.scored(sum(claimed.size for claimed in held))
    counts.claimed(where, held)
    return summary(held, records, time.perf_counter() - began)


def disclaim(me: str) -> None:
    """Gives back what the database handed out, if it was only the answer to the claim that was lost."""
    with suppress(DatabaseAway):
        for lane, given_back in persistently(partial(jobs.release, worker=me)).items():
            log.warning("gave %d slices back that nobody knew to be his, %s lane", given_back, lane)
            offer(lane, "disclaim", given_back)


def summary(held: list[Claimed], records: int, seconds: float) -> str:
    """In a line: as a dict, which Celery writes out for its events, it took 50 us instead of 3."""
    ids = list(dict.fromkeys(claimed.job_id for claimed in held))
    named = [str(job) for job in ids[:MOST_NAMED]] + ["..."] * (len(ids) > MOST_NAMED)
    return f"records: {records}, jobs: {len(ids)}, seconds: {seconds:.3f}; {', '.join(named)}"


def results_of(lane: Lane, held: list[Claimed]) -> list[Result]:
    """The results of what can be settled; slices that are to be tried again are let go of."""
    deadly = [claimed for claimed in held if claimed.crashes >= MOST_CRASHES]
    if deadly:
        return [scoring.failed(claimed, KILLS_WORKERS) for claimed in deadly] + results_of(lane, without(held, deadly))
    if not held:
        return []
    try:
        if held[0].crashes:
            return isolated(held)
        model = models.load(held[0].version_id)
        with counts.SCORING[lane].time():
            return scoring.score(model, held)
    except models.Unfit as error:  # for good: no attempt will do better
        log.warning("%s", error)
        return [scoring.failed(claimed, {"code": error.code, "detail": error.detail}) for claimed in held]
    except (models.CannotLoad, isolation.CannotIsolate) as error:
        log.warning("%s", error)
        return failures(held, {"code": error.code, "detail": error.detail})
    except DatabaseAway as error:  # the model's version could not be read, which is nobody's failure
        log.warning("not scored: %s", error)
        persistently(partial(jobs.give_back, held=held))
        return []


def isolated(held: list[Claimed]) -> list[Result]:
    """The same for slices whose worker died, from a process that may die of them."""
    if not slots.isolate():
        persistently(partial(jobs.give_back, held=held))
        return []
    log.warning("scoring %d slices apart, since their worker died; the first is of job %s", len(held), held[0].job_id)
    return isolation.score(held)


def without(held: list[Claimed], others: list[Claimed]) -> list[Claimed]:
    gone = {claimed.id for claimed in others}
    return [claimed for claimed in held if claimed.id not in gone]


def failures(held: list[Claimed], problem: dict[str, Any]) -> list[Result]:
    """What has attempts left comes back after a while; the rest fails with this problem."""
    spent = [claimed for claimed in held if claimed.failures + 1 >= settings().max_attempts]
    persistently(partial(jobs.postpone, held=without(held, spent)))
    return [scoring.failed(claimed, problem) for claimed in spent]


def settle(lane: Lane, held: list[Claimed], results: list[Result]) -> int:
    """Writes the results, then tells who waits for them. How many records were settled here."""
    changed = written(results)
    records = count(lane, held, results, changed)  # at once: who is killed in between never does
    if changed:
        queue.announce(news(held, results, changed))
    return records


def count(lane: Lane, held: list[Claimed], results: list[Result], changed: list[Changed]) -> int:
    """How many records were settled here, which those that are no longer held here were not."""
    jobs_here, by_slice = {job.id for job in changed}, {claimed.id: claimed for claimed in held}
    here = [(by_slice[result.id], result) for result in results if by_slice[result.id].job_id in jobs_here]
    records = sum(scoring.unsettled(claimed) for claimed, _ in here)
    failed = sum(result.failed - claimed.refused for claimed, result in here)
    metrics.finished(job.status for job in changed)
    try:
        counts.settled(lane, models.model_of(held[0].version_id), records - failed, failed)
    except Exception as error:  # they are stored, and who waits for them is to be told
        log.warning("%d records not counted: %s", records, error)
    return records


def written(results: list[Result]) -> list[Changed]:
    """What was scored outlasts an outage of the database, which is nobody's crash; writing twice is safe."""
    return persistently(partial(jobs.finish, results=results)) if results else []


def persistently(change: Callable[[Connection], Changes]) -> Changes:
    """Has the change made, also if the database is away for a minute."""
    slots.begin(FINISH_SECONDS)  # it scores no more
    pause = threading.Event()
    for _ in range(FINISH_TRIES):
        try:
            with statement() as session:
                return change(session)
        except DatabaseAway as error:
            log.warning("results not written yet: %s", error)
            pause.wait(FINISH_PAUSE_SECONDS)
    raise DatabaseAway("the results could not be written; another worker will score these slices again")


def news(held: list[Claimed], results: list[Result], changed: list[Changed]) -> Iterator[dict[str, Any]]:
    """What changed in each job, a single with its output: reading that back took 2 ms of the 17 of an idle service."""
    by_slice = {result.id: result for result in results}
    by_job = {claimed.job_id: by_slice.get(claimed.id) for claimed in held}
    for job in changed:
        result = by_job[job.id] if job.total == 1 else None
        more = {"outputs": result.outputs, "errors": result.errors or None} if result else {}
        yield {**asdict(job), **more}


def hand_on(lane: Lane, held: list[Claimed]) -> None:
    """Has the next process go on with what this claim left."""
    try:
        with statement() as session:
            leaves_work = jobs.leaves_work(session, lane, held)
    except DatabaseAway as error:
        log.warning("hint not sent, a relay will send it: %s", error)
    else:
        if leaves_work:
            offer(lane, "next")


def offer(lane: Lane, reason: str, wanted: int = 1) -> None:
    try:
        queue.top_up(lane, reason, wanted)
    except queue.AWAY as error:
        log.warning("hint not sent, a relay will send it: %s", error)
