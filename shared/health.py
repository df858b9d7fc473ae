"""How the parts are: what health checks, the queue page and the doctor ask."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import queue
from shared.db import Runs
from shared.tables import REVISION, Lane

LANES = text("""
SELECT lane,
    count(*) FILTER (WHERE status = 'pending') AS waiting, count(*) FILTER (WHERE status = 'running') AS running,
    coalesce(sum(size) FILTER (WHERE status = 'pending'), 0) AS records_waiting,
    coalesce(sum(size) FILTER (WHERE status = 'running'), 0) AS records_running,
    extract(epoch FROM clock_timestamp() - min(available_at) FILTER (
        WHERE status = 'pending' AND available_at <= clock_timestamp())) AS oldest_seconds
FROM (
    SELECT lane, status, size, available_at FROM slices WHERE status = 'pending' AND lane = 'single'
    UNION ALL SELECT lane, status, size, available_at FROM slices WHERE status = 'pending' AND lane = 'bulk'
    UNION ALL SELECT lane, status, size, available_at FROM slices WHERE status = 'running'
) AS live GROUP BY lane
""")
# By the index of each lane, as above: a million singles that wait take 0.4 s.
WAITING = text("""
SELECT user_id, sum(size) AS records FROM (
    SELECT user_id, size FROM slices WHERE status = 'pending' AND lane = 'single'
    UNION ALL SELECT user_id, size FROM slices WHERE status = 'pending' AND lane = 'bulk'
) AS waiting GROUP BY user_id
""")
WORKERS = text("""
SELECT name, lanes, slots, records_per_second, seen_at FROM workers
WHERE seen_at > clock_timestamp() - interval '10 s' ORDER BY name
""")

CHAMPIONS = text("""
SELECT aliases.model, number FROM aliases JOIN versions ON versions.id = version_id WHERE alias = 'champion'
""")
FAILING = text("SELECT model || ':' || number AS ref, failure FROM versions WHERE failure IS NOT NULL AND is_active")


@dataclass(frozen=True, slots=True)
class LaneState:
    """What is in a lane: slices that wait and that run, and how long the oldest could have been claimed.

    Since it came, that is, or since it came back: a job of last week that is tried again has not waited a week.
    """

    lane: str
    waiting: int = 0
    running: int = 0
    records_waiting: int = 0
    records_running: int = 0
    oldest_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class WorkerState:
    """A worker that gave a sign of life in the last ten seconds."""

    name: str
    lanes: list[str]
    slots: int
    records_per_second: float
    seen_at: datetime


def lanes(session: Session) -> list[LaneState]:
    found = {row.lane: LaneState(**row._mapping) for row in session.execute(LANES)}
    return [found.get(lane, LaneState(lane)) for lane in Lane]


def waiting_by_user(session: Runs) -> dict[int, int]:
    """How many records of each user wait."""
    return {row.user_id: int(row.records) for row in session.execute(WAITING)}


def workers(session: Session) -> list[WorkerState]:
    return [WorkerState(**row._mapping) for row in session.execute(WORKERS)]


def is_migrated(session: Session) -> bool:
    """Whether the tables are those that this code expects, or newer ones, which only add to them."""
    if session.scalar(text("SELECT to_regclass('alembic_version')")) is None:
        return False
    revision = session.scalar(text("SELECT version_num FROM alembic_version"))
    return revision is not None and revision >= REVISION


def models(session: Session) -> dict[str, Any]:
    """Each model's champion, and the versions that cannot be served."""
    champions = session.execute(CHAMPIONS)
    failing = session.execute(FAILING)
    return {
        "champions": {row.model: f"{row.model}:{row.number}" for row in champions},
        "failing": {row.ref: row.failure for row in failing},
    }


def redis_answers() -> bool:
    try:
        return bool(queue.redis().ping())
    except queue.AWAY:
        return False


SEE_WORKER = text("""
INSERT INTO workers (name, lanes, slots, records_per_second) VALUES (:name, :lanes, :slots, :pace)
ON CONFLICT (name) DO UPDATE SET lanes = :lanes, slots = :slots, records_per_second = :pace, seen_at = clock_timestamp()
""")


def see_worker(session: Runs, name: str, lanes: list[str], slots: int, records_per_second: float) -> None:
    """A worker's sign of life."""
    session.execute(SEE_WORKER, {"name": name, "lanes": lanes, "slots": slots, "pace": records_per_second})


def forget_worker(session: Runs, name: str) -> None:
    session.execute(text("DELETE FROM workers WHERE name = :name"), {"name": name})
