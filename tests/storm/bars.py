"""What a storm must reach: each bar with what is wrong."""

from collections.abc import Iterator
from datetime import datetime

from tests.storm import verdict
from tests.storm.storm import Storm

THROUGHPUT_SECONDS = 30.0
NO_REDIS_SECONDS = 1.2
MOST_CRASHES = 3
WAITED = """
SELECT slices.id, jobs.lane, slices.created_at, slices.finished_at FROM slices JOIN jobs ON jobs.id = job_id
JOIN versions ON versions.id = slices.version_id WHERE slices.finished_at IS NOT NULL AND model <> 'poisoned'
"""
CRASHED = f"SELECT id, crashes FROM slices WHERE crashes > {MOST_CRASHES}"
TIMED = ("recovery in time", "throughput back in 30 s", "API quick without Redis", "nothing waited for too long")


def findings(storm: Storm) -> dict[str, list[str]]:
    """For each bar what is wrong; an empty list is a bar that is reached."""
    return {
        **verdict.findings(storm.fleet, storm.fleet.ledger),
        "no error but 503 was seen": list(storm.fleet.seen.complaints),
        "an orderly stop is nobody's crash, nor an outage": [*crashes_of_the_orderly(storm)],
        "every fault came to its end": list(storm.stuck),
        "no process died that nobody killed": [
            f"{thrown.name}: {', '.join(thrown.recovery.died)}" for thrown in storm.thrown if thrown.recovery.died
        ],
        "crashes are bounded": [f"slice {number}: {crashes}" for number, crashes in storm.fleet.rows(CRASHED)],
        "recovery in time": [*slow_recoveries(storm)],
        "throughput back in 30 s": [*slow_throughputs(storm)],
        "API quick without Redis": [*slow_api(storm)],
        "nothing waited for too long": [*long_waits(storm)],
    }


def crashes_of_the_orderly(storm: Storm) -> Iterator[str]:
    for thrown in storm.thrown:
        if thrown.recovery.crashes and all(fault.orderly for fault in thrown.faults):
            yield f"{thrown.name}: {thrown.recovery.crashes} slices were taken for dead"


def slow_recoveries(storm: Storm) -> Iterator[str]:
    for thrown in storm.thrown:
        seconds = thrown.recovery.seconds
        if seconds is None or seconds > thrown.within:
            yield f"{thrown.name}: {seconds and round(seconds, 1)} s, {thrown.recovery.unfinished} slices unfinished"


def slow_throughputs(storm: Storm) -> Iterator[str]:
    for thrown in storm.thrown:
        seconds = thrown.recovery.throughput
        if seconds is None or seconds > THROUGHPUT_SECONDS:
            yield f"{thrown.name}: {seconds and round(seconds, 1)} s"


def p99_without_redis(storm: Storm) -> dict[str, float]:
    found = {}
    for thrown in storm.thrown:
        if all(fault.no_redis for fault in thrown.faults):
            seconds = storm.fleet.seen.slowest_hundredth(*thrown.clock)
            if seconds is not None:
                found[thrown.name] = seconds
    return found


def slow_api(storm: Storm) -> Iterator[str]:
    for name, seconds in p99_without_redis(storm).items():
        if seconds > NO_REDIS_SECONDS:
            yield f"{name}: p99 {seconds:.2f} s"


def long_waits(storm: Storm) -> Iterator[str]:
    """The time in which something was broken is not counted, unless it was broken for nobody else."""
    outages = [thrown.wall for thrown in storm.thrown if not all(fault.harmless for fault in thrown.faults)]
    most = max((thrown.within for thrown in storm.thrown), default=0)
    for number, lane, created_at, finished_at in storm.fleet.rows(WAITED):
        waited = healthy_seconds(created_at, finished_at, outages)
        if waited > most:
            yield f"slice {number} ({lane}) took {waited:.1f} s, created at {created_at:%H:%M:%S}"


def healthy_seconds(created_at: datetime, finished_at: datetime, outages: list[tuple[float, float]]) -> float:
    begin, end = created_at.timestamp(), finished_at.timestamp()
    return end - begin - sum(max(0.0, min(end, last) - max(begin, first)) for first, last in outages)
