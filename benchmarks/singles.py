"""Records submitted one by one: how many are accepted and finished per second, and how long one takes when idle."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import islice
from statistics import quantiles

from benchmarks import load, memory
from benchmarks.report import Bar, Line, Section
from benchmarks.sides import CONNECTIONS, POLL_SECONDS, Scoreline, Side, Textbook

IDLE_REQUESTS = 100
NOTE = f"""\
{CONNECTIONS} connections submit {{ours:,}} records to Scoreline and {{textbook:,}} to the textbook, with the workers
running. Accepted: until the last 202. Finished: until the last result, the whole of the burst. Idle: {IDLE_REQUESTS}
requests one after another, from submit to result; Scoreline with `Prefer: wait=10`, the textbook polled every 2 ms.
Memory is the proportional set size after that; for that of everything there is another measurement."""


@dataclass(frozen=True)
class Figures:
    """Of one side in one round."""

    accepted: float
    finished: float
    idle_p50: float
    idle_p99: float
    memory: float
    memory_with_servers: float


def measure(ours: Scoreline, textbook: Textbook, servers: Sequence[int], rounds: int) -> Section:
    """The sides by turns."""
    found: dict[str, list[Figures]] = {ours.name: [], textbook.name: []}
    for number in range(rounds):
        for side in (ours, textbook):
            found[side.name].append(one_round(side, servers))
            print(f"singles, round {number + 1} of {rounds}: {described(side, found[side.name][-1])}", flush=True)
    note = NOTE.format(ours=ours.burst, textbook=textbook.burst)
    return Section("Singles", note, lines(found[ours.name], found[textbook.name]))


def described(side: Side, figures: Figures) -> str:
    return f"{side.name}, " + ", ".join(f"{one.name} {getattr(figures, one.name):.1f}" for one in fields(figures))


def one_round(side: Side, servers: Sequence[int]) -> Figures:
    with side.running():
        accepted, finished = burst(side, side.burst)
        idle = sorted(asyncio.run(idle_latencies(side)))
        percentiles = quantiles(idle, n=100)
        processes = [part.process.pid for part in side.parts]
        return Figures(
            accepted=side.burst / accepted,
            finished=side.burst / finished,
            idle_p50=percentiles[49] * 1000,
            idle_p99=percentiles[98] * 1000,
            memory=memory.megabytes(processes),
            memory_with_servers=memory.megabytes([*processes, *servers]),
        )


def burst(side: Side, records: int, poll_seconds: float = POLL_SECONDS) -> tuple[float, float]:
    """Seconds until the last record was accepted, and until the last was finished."""
    before = side.count()
    posts = side.posts(records)
    began = time.perf_counter()
    asyncio.run(load.burst(side.port, CONNECTIONS, posts, status=202))
    accepted = time.perf_counter() - began
    side.wait_until_finished(poll_seconds)
    finished = time.perf_counter() - began
    if (count := side.count() - before) != records:
        raise RuntimeError(f"{side.name} has {count} results of {records}")
    return accepted, finished


async def idle_latencies(side: Side, count: int = IDLE_REQUESTS) -> list[float]:
    async with load.connected(side.port, 1) as (connection,):
        return [await seconds_for(side, connection, body) for body in islice(side.bodies, count)]


async def seconds_for(side: Side, connection: load.Connection, body: bytes) -> float:
    began = time.perf_counter()
    await side.result(connection, body)
    return time.perf_counter() - began


def lines(ours: Sequence[Figures], textbook: Sequence[Figures]) -> list[Line]:
    wanted = {
        "accepted": ("accepted", "/s", Bar(">=", 4, 6)),
        "finished": ("finished", "/s", Bar(">=", 8, 12)),
        "idle_p50": ("idle, p50", "ms", Bar("<=", 0.75, 0.5)),
        "idle_p99": ("idle, p99", "ms", None),
        "memory": ("memory, API and worker", "MB", None),
        "memory_with_servers": ("memory, with both servers", "MB", None),
    }
    return [
        Line(title, unit, [getattr(one, name) for one in ours], [getattr(one, name) for one in textbook], bar)
        for name, (title, unit, bar) in wanted.items()
    ]
