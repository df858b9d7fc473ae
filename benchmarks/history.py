"""What old records cost: each step of a job's life on empty tables and on full ones, and SQL over many records."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from benchmarks.report import Bar, Figure, Line, Section
from benchmarks.sides import Scoreline, create_database, first_value, queried

SINGLES, SLICES, SLICE = 1_000_000, 1_000, 10_000
LOOKS = 5
NOTE = f"""\
The same steps on tables with nothing in them and on tables with {SINGLES:,} finished singles and {SLICES * SLICE:,}
finished records of bulk jobs, by turns. Each is the median of many; a step of singles is of one record, of bulk jobs of
one slice. The view `predictions` is asked on the full tables, for a job of a million."""

FILL = [
    f"""
WITH new AS (
    INSERT INTO jobs (id, user_id, version_id, lane, status, total, succeeded, started_at, finished_at)
    SELECT uuidv7(interval '-1 day'), users.id, versions.id, 'single', 'succeeded', 1, 1,
        clock_timestamp(), clock_timestamp()
    FROM (SELECT id FROM users LIMIT 1) AS users, (SELECT id FROM versions LIMIT 1) AS versions,
        generate_series(1, {SINGLES})
    RETURNING id, user_id, version_id
)
INSERT INTO slices (job_id, user_id, version_id, lane, first, size, status, attempt, worker, inputs, outputs,
    started_at, finished_at)
SELECT id, user_id, version_id, 'single', 0, 1, 'succeeded', 1, 'w', '[[-122.23,37.88,41,880,129,322,126,8.3]]',
    '[[412345.6,351000.1,474000.7]]', clock_timestamp(), clock_timestamp()
FROM new""",
    f"""
WITH written AS (
    SELECT json_agg(json_build_array(-122.2 + n / 1e6, 37.8, 41, 880 + n, 129, 322, 126, 8.3)) AS inputs,
        json_agg(json_build_array(400000.5 + n, 350000.25 + n, 450000.75 + n)) AS outputs
    FROM generate_series(1, {SLICE}) AS n
), new AS (
    INSERT INTO jobs (id, user_id, version_id, lane, status, total, succeeded, started_at, finished_at)
    SELECT uuidv7(interval '-1 hour'), users.id, versions.id, 'bulk', 'succeeded', {SLICE} * 100, {SLICE} * 100,
        clock_timestamp(), clock_timestamp()
    FROM (SELECT id FROM users LIMIT 1) AS users, (SELECT id FROM versions LIMIT 1) AS versions,
        generate_series(1, {SLICES // 100})
    RETURNING id, user_id, version_id
)
INSERT INTO slices (job_id, user_id, version_id, lane, first, size, status, attempt, worker, inputs, outputs,
    started_at, finished_at)
SELECT id, user_id, version_id, 'bulk', n * {SLICE}, {SLICE}, 'succeeded', 1, 'w', inputs, outputs,
    clock_timestamp(), clock_timestamp()
FROM new, written, generate_series(0, 99) AS n""",
    "VACUUM ANALYZE",
]
JOB = "SELECT id FROM jobs WHERE lane = 'bulk' LIMIT 1"
ASKED = {
    "any 100 records": (50, "SELECT * FROM predictions WHERE job = :job LIMIT 100"),
    "the first 100 in order": (2_000, "SELECT * FROM predictions WHERE job = :job ORDER BY record LIMIT 100"),
    "100 in the middle": (2_000, "SELECT * FROM predictions WHERE job = :job AND record BETWEEN 500000 AND 500099"),
    "an average over a million": (
        10_000,
        "SELECT avg((output ->> 'value')::float8) FROM predictions WHERE job = :job",
    ),
}


def measure(ours: Scoreline, _: Any, __: Sequence[int], rounds: int) -> Section:
    empty, full = (copied(ours, name) for name in ("history_empty", "history_full"))
    for statement in FILL:
        run(full, statement)
    found: dict[str, list[dict[str, float]]] = {empty: [], full: []}
    for number in range(rounds):
        for url in (empty, full):
            found[url].append(steps(ours, url))
        print(f"history, round {number + 1} of {rounds}: {found[full][-1]}", flush=True)
    return Section("History", NOTE, [*beside(found[full], found[empty]), *asked(full)])


def copied(ours: Scoreline, name: str) -> str:
    """A database of ours with the tables, the model and the user of the benchmark, and nothing else."""
    url = urlsplit(ours.database_url)._replace(path=f"/{name}").geturl()
    create_database(ours.database_url, name)
    there = Scoreline(ours.folder / "history" / name, url, ours.redis_url)
    there.folder.mkdir(parents=True)
    there.prepare()
    return url


def steps(ours: Scoreline, url: str) -> dict[str, float]:
    """Milliseconds of each step, by a process of its own: settings and prepared statements are of a process."""
    environment = {**ours.environment(), "DATABASE_URL": url}
    said = subprocess.check_output([sys.executable, "-m", "benchmarks.steps"], env=environment, text=True)
    found: dict[str, float] = json.loads(said)
    return found


def beside(full: Sequence[dict[str, float]], empty: Sequence[dict[str, float]]) -> list[Line]:
    bar = Bar("<=", 1.25, 1.1)
    return [
        Line(name, "ms", [one[name] for one in full], [one[name] for one in empty], bar, "empty tables", "full tables")
        for name in full[0]
    ]


def asked(url: str) -> list[Figure]:
    with queried(url) as cursor:
        job = first_value(cursor, JOB)
        return [
            Figure(name, "ms", [milliseconds(cursor, query.replace(":job", f"'{job}'")) for _ in range(LOOKS)], most)
            for name, (most, query) in ASKED.items()
        ]


def milliseconds(cursor: Any, query: str) -> float:
    began = time.perf_counter()
    cursor.execute(query)
    cursor.fetchall()
    return (time.perf_counter() - began) * 1000


def run(url: str, statement: str) -> None:
    with queried(url) as cursor:
        cursor.execute(statement)
