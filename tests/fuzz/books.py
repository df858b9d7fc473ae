"""What the database and the queue hold."""

from collections.abc import Mapping
from typing import Any

import psycopg2
import redis

TABLES = ("jobs", "slices", "requests", "users", "keys", "versions", "aliases")
LANES = ("single", "bulk")
ASTRAY = """
SELECT count(*) FROM jobs LEFT JOIN slices ON slices.job_id = jobs.id WHERE slices.id IS NULL
UNION ALL SELECT count(*) FROM slices LEFT JOIN jobs ON slices.job_id = jobs.id WHERE jobs.id IS NULL
"""
OPEN = "SELECT count(*) FROM jobs WHERE finished_at IS NULL"


def asked(env: Mapping[str, str], statement: str) -> list[tuple[Any, ...]]:
    link = psycopg2.connect(env["DATABASE_URL"])
    try:
        with link.cursor() as cursor:
            cursor.execute(statement)
            found: list[tuple[Any, ...]] = cursor.fetchall()
            return found
    finally:
        link.close()


def rows(env: Mapping[str, str]) -> dict[str, int]:
    """How many rows each table has."""
    counts = ", ".join(f"(SELECT count(*) FROM {table})" for table in TABLES)
    return dict(zip(TABLES, asked(env, f"SELECT {counts}")[0], strict=True))


def hints(env: Mapping[str, str]) -> int:
    """How many hints wait."""
    with redis.Redis.from_url(env["REDIS_URL"]) as link:
        return sum(link.llen(lane) for lane in LANES)


def held(env: Mapping[str, str]) -> dict[str, int]:
    return rows(env) | {"hints": hints(env)}


def astray(env: Mapping[str, str]) -> int:
    """Jobs without slices, and slices without a job."""
    return sum(count for (count,) in asked(env, ASTRAY))


def unfinished(env: Mapping[str, str]) -> int:
    return int(asked(env, OPEN)[0][0])
