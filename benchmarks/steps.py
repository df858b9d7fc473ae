"""The steps of a job's life, timed one by one against DATABASE_URL: prints the median milliseconds of each as JSON."""

import json
import time
from collections import defaultdict
from collections.abc import Callable
from statistics import median
from typing import Any, TypeVar

import orjson
from sqlalchemy import text

from shared import jobs, lookup
from shared.db import statement, transaction
from shared.jobs import Claimed, NewBulk, NewJob, NewSlice, Result
from shared.tables import Lane

TIMES = 100
INPUTS = [[-122.23, 37.88, 41, 880, 129, 322, 126, 8.3]]
OUTPUTS: list[list[Any] | None] = [[412345.6, 351000.1, 474000.7]]
LEASE_SECONDS = 30
Found = TypeVar("Found")

spent: dict[str, list[float]] = defaultdict(list)


def timed(name: str, call: Callable[[], Found]) -> Found:
    began = time.perf_counter()
    found = call()
    spent[name].append(time.perf_counter() - began)
    return found


def single(user: int, version: int) -> None:
    new = NewJob(jobs.new_id(), user, version, INPUTS, {})
    with statement() as session:
        timed("single: accept", lambda: jobs.accept(session, [new]))
        held = timed("single: claim", lambda: jobs.claim(session, Lane.SINGLE, "steps", LEASE_SECONDS))
        timed("single: finish", lambda: jobs.finish(session, results(held)))
        timed("single: poll", lambda: lookup.jobs_by_id(session, [new.id]))


def bulk(user: int, version: int) -> None:
    new = NewBulk(jobs.new_id(), user, version, None, {})
    slices = [NewSlice(place, 1, orjson.dumps(INPUTS), None, []) for place in range(2)]
    with transaction() as session:
        jobs.accept_bulk(session, new, slices, jobs.Found())
    with statement() as session:
        for _ in slices:
            held = timed("bulk: claim", lambda: jobs.claim(session, Lane.BULK, "steps", LEASE_SECONDS))
            row = timed("bulk: poll", lambda: lookup.jobs_by_id(session, [new.id])[new.id])
            timed("bulk: outlook", lambda row=row: lookup.outlook(session, row))  # type: ignore[misc]
            timed("bulk: finish", lambda held=held: jobs.finish(session, results(held)))  # type: ignore[misc]


def relay() -> None:
    """What every worker asks once a second."""
    with statement() as session:
        timed("relay: rescue", lambda: jobs.rescue(session))
        timed("relay: expire", lambda: jobs.expire(session))
        timed("relay: overdue", lambda: jobs.overdue(session, Lane.BULK))


def newest(user: int) -> None:
    with statement() as session:
        timed("newest 50 jobs", lambda: lookup.jobs_page(session, user, 50))


def results(held: list[Claimed]) -> list[Result]:
    return [Result(claimed.id, claimed.attempt, OUTPUTS, []) for claimed in held]


def main() -> None:
    with transaction() as session:
        user = session.scalar(text("SELECT min(id) FROM users"))
        version = session.scalar(text("SELECT min(id) FROM versions"))
    for _ in range(TIMES):
        single(user, version)
        bulk(user, version)
        relay()
        newest(user)
    print(json.dumps({name: round(median(values) * 1000, 3) for name, values in spent.items()}))


if __name__ == "__main__":
    main()
