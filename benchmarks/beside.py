"""How long a single takes while a million records are scored."""

import asyncio
from collections.abc import Sequence
from statistics import quantiles
from typing import Any

from benchmarks import programs, rows
from benchmarks.report import Figure, Section
from benchmarks.sides import Scoreline, first_value, queried
from benchmarks.singles import idle_latencies

RECORDS = 1_000_000
MOST_MILLISECONDS = 400
RUNNING = "SELECT count(*) FROM jobs WHERE lane = 'bulk' AND finished_at IS NULL"
NOTE = f"""\
`POST /predict` with `Prefer: wait=10`, one request after another, from when a job of {RECORDS:,} records begins to be
scored, with one worker of two processes that are busy with it. Only what was answered while the job ran is counted."""


def measure(ours: Scoreline, _: Any, __: Sequence[int], rounds: int) -> Section:
    table = ours.folder / "beside.csv"
    rows.write(table, RECORDS)
    found = []
    for number in range(rounds):
        with ours.running():
            programs.run("scoreline.commands", "score", table, "--detach", more=ours.address())
            found.append(quantiles(asyncio.run(while_it_runs(ours)), n=100))
            ours.wait_until_finished()
        print(
            f"beside, round {number + 1} of {rounds}: p50 {found[-1][49]:.0f}, p99 {found[-1][98]:.0f} ms", flush=True
        )
    return Section(
        "A single beside a million",
        NOTE,
        [
            Figure("p50", "ms", [one[49] for one in found]),
            Figure("p99", "ms", [one[98] for one in found], MOST_MILLISECONDS),
        ],
    )


async def while_it_runs(ours: Scoreline) -> list[float]:
    """Milliseconds of each request."""
    found: list[float] = []
    with queried(ours.database_url) as cursor:
        while True:
            some = await idle_latencies(ours, 20)
            if not first_value(cursor, RUNNING):
                return found
            found += [seconds * 1000 for seconds in some]
