"""What API and workers both count for Prometheus; what only one of them does is in its own counts.py."""

import collections
from collections.abc import Iterable
from typing import Any

from prometheus_client import Counter, Gauge, disable_created_metrics
from sqlalchemy import Engine, event

from shared.tables import Status

disable_created_metrics()  # nobody asks when a counter began, and it doubles the lines

# `livesum`: where several processes count together they are added up, without those that ended.
POOL_SIZE = Gauge(
    "scoreline_database_pool_size",
    "Database connections that may be open at once.",
    ["pool"],
    multiprocess_mode="livesum",
)
CHECKED_OUT = Gauge(
    "scoreline_database_pool_checked_out",
    "Database connections in use.",
    ["pool"],
    multiprocess_mode="livesum",
)
POOL_TIMEOUTS = Counter(
    "scoreline_database_pool_timeouts_total", "Times that no database connection came free within five seconds."
)
FINISHED = Counter("scoreline_jobs_finished_total", "Jobs that came to an end.", ["status"])
for status in Status:
    if status.finished:
        FINISHED.labels(status)  # a rate needs to have seen the 0


def watched(engine: Engine, name: str, size: int) -> Engine:
    """The engine, with its connections counted."""
    POOL_SIZE.labels(name).set(size)
    in_use = CHECKED_OUT.labels(name)

    def take(_: Any, record: Any, __: Any) -> None:
        record.record_info["counted"] = True
        in_use.inc()

    def bring_back(_: Any, record: Any) -> None:
        if record.record_info.pop("counted", False):  # a connection that was found dead was never in use
            in_use.dec()

    event.listen(engine, "checkout", take)
    event.listen(engine, "checkin", bring_back)
    return engine


def finished(statuses: Iterable[str]) -> None:
    """Counts the jobs that changed to these, of which some are not the end."""
    for status, jobs in collections.Counter(statuses).items():
        if Status(status).finished:
            FINISHED.labels(status).inc(jobs)
