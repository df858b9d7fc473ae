"""Idempotency keys: the same request sent again gets the job of the first, for a day."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from shared.db import to_json
from shared.errors import InFlight, Invalid

LOCK_NOT_AVAILABLE = "55P03"


class OtherContent(Invalid):
    code, title = "idempotency_key_reused", "This Idempotency-Key belongs to another request"


@dataclass(frozen=True, slots=True)
class Use:
    """A request that names a key, and the job it would make. `sha256` is of its query, type and body."""

    user_id: int
    route: str
    key: str
    sha256: str
    job_id: UUID


# Sorted, so that two processes with the same keys wait for each other in one order. Who meets a key that is being
# stored waits here until the other's transaction has ended.
REMEMBER = text("""
INSERT INTO requests (user_id, route, key, sha256, job_id)
SELECT DISTINCT ON (user_id, route, key) user_id, route, key, sha256, job_id
FROM json_to_recordset(:uses) AS use (user_id bigint, route text, key text, sha256 text, job_id uuid)
ORDER BY user_id, route, key
ON CONFLICT (user_id, route, key) DO UPDATE
    SET sha256 = excluded.sha256, job_id = excluded.job_id, created_at = clock_timestamp()
    WHERE requests.created_at < clock_timestamp() - interval '24 hours'
""")
STORED = text("""
SELECT user_id, route, key, sha256, job_id FROM requests
JOIN json_to_recordset(:uses) AS use (user_id bigint, route text, key text) USING (user_id, route, key)
""")


def remember(session: Session, uses: Sequence[Use]) -> list[UUID | OtherContent]:
    """For each use the job that its key stands for: its own when the key is new, else that of the first request."""
    if not uses:
        return []
    written = {"uses": to_json(list(uses))}
    try:
        session.execute(REMEMBER, written)
    except OperationalError as error:
        if getattr(error.orig, "pgcode", None) == LOCK_NOT_AVAILABLE:
            raise InFlight("a request with this Idempotency-Key is being stored; ask again in a moment") from error
        raise
    stored = {(row.user_id, row.route, row.key): row for row in session.execute(STORED, written)}
    return [job_of(use, stored[use.user_id, use.route, use.key]) for use in uses]


RELEASE = text("DELETE FROM requests WHERE job_id = ANY(:jobs)")


def release(session: Session, jobs: Sequence[UUID]) -> None:
    """Takes the keys back of jobs that were not stored after all."""
    session.execute(RELEASE, {"jobs": list(jobs)})


def job_of(use: Use, stored: Any) -> UUID | OtherContent:
    if stored.sha256 != use.sha256:
        return OtherContent("this Idempotency-Key came with other content before; send a new key with a new request")
    return UUID(str(stored.job_id))


# In small batches, or the first one after a pause of all workers would take longer than a relay has.
FORGET = text("""
DELETE FROM requests WHERE (user_id, route, key) IN (
    SELECT user_id, route, key FROM requests WHERE created_at < clock_timestamp() - interval '24 hours'
    ORDER BY created_at LIMIT 5000 FOR UPDATE SKIP LOCKED)
""")


def forget(session: Session) -> None:
    """Drops what is older than a day, up to 5,000 at a time."""
    session.execute(FORGET)
