"""Files from disk to disk: beside the script a data scientist would write, beside the textbook, and as they grow."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import memory, programs, rows
from benchmarks.programs import COMMAND, Run
from benchmarks.report import Bar, Figure, Line, Section
from benchmarks.sides import Scoreline, Textbook, first_value, queried
from benchmarks.singles import burst

SMALLEST, SMALL, LARGE, LARGEST = 10_000, 100_000, 1_000_000, 10_000_000
TEXTBOOK_RECORDS = 10_000
TEXTBOOK_POLL_SECONDS = 0.1  # a look reads the whole table, and the textbook has better uses for its cores
MOST_GROWTH, MOST_MEGABYTES = 1.25, 400
SCRIPT = "pandas script"
OUTPUTS = ["value", "low", "high"]
TOLERANCE = 1e-6
NOTE = f"""\
A CSV on disk to a CSV on disk, each program timed from its start to its end: `scoreline score` with the service
running; `benchmarks/script.py` as one process on all cores, with the same model and the service stopped. The command
writes `record`, `value`, `low`, `high` and `error`. The script adds the column `value` to what it read, as such scripts
do, which makes a file of about that size; the stricter one writes `record`, `value`, `low` and `high` and nothing else.
The values must be the same. The textbook gets {TEXTBOOK_RECORDS:,} records, a request each, until the last is finished.
The cost of a record is the time of the command divided by the records; {LARGEST:,} are scored once, after the rounds.
Peaks are of resident memory, what is shared with others included, and begin anew with each command."""


@dataclass(frozen=True)
class Round:
    """The commands by the records of their files, the scripts with the same as the last, and the textbook."""

    jobs: dict[int, Run]
    script: Run
    strict: Run
    textbook_seconds: float

    def __str__(self) -> str:
        jobs = ", ".join(f"{records:,} in {job.seconds:.2f} s" for records, job in self.jobs.items())
        scripts = f"script {self.script.seconds:.2f} s, strict {self.strict.seconds:.2f} s"
        return f"{jobs}, {scripts}, textbook {self.textbook_seconds:.1f} s"


def measure(ours: Scoreline, textbook: Textbook, _: Any, rounds: int) -> Section:
    """The sides and the script by turns."""
    for records in (SMALLEST, SMALL, LARGE):
        rows.write(table(ours, records), records)
    found = []
    for number in range(rounds):
        found.append(one_round(ours, textbook))
        print(f"bulk, round {number + 1} of {rounds}: {found[-1]}", flush=True)
    last = largest(ours)
    print(f"bulk, {LARGEST:,} in {last.seconds:.1f} s", flush=True)
    return Section("Bulk", NOTE, [*beside(found), *costs(found, last), *peaks(found, last)])


def one_round(ours: Scoreline, textbook: Textbook) -> Round:
    rest(ours)
    with ours.running():
        jobs = {records: scored(ours, records) for records in (SMALLEST, SMALL, LARGE)}
    rest(ours)
    script, strict = scripted(ours, "all"), scripted(ours, "outputs")
    check_same(outcome(ours, LARGE), outcome(ours, LARGE, "script"))
    rest(ours)
    with textbook.running():
        _, seconds = burst(textbook, TEXTBOOK_RECORDS, TEXTBOOK_POLL_SECONDS)
    return Round(jobs, script, strict, seconds)


def largest(ours: Scoreline) -> Run:
    """The command with a file that is on disk only meanwhile."""
    rows.write(table(ours, LARGEST), LARGEST)
    rest(ours)
    with ours.running():
        job = scored(ours, LARGEST)
    table(ours, LARGEST).unlink()
    outcome(ours, LARGEST).unlink()
    return job


def rest(ours: Scoreline) -> None:
    """What one turn has left to write is not written during the next."""
    with queried(ours.database_url) as cursor:
        cursor.execute("CHECKPOINT")
    os.sync()


def table(ours: Scoreline, records: int) -> Path:
    return ours.folder / f"{records}.csv"


def outcome(ours: Scoreline, records: int, author: str = "service") -> Path:
    return ours.folder / f"{records}.{author}.csv"


def scored(ours: Scoreline, records: int) -> Run:
    """The command, after which every record has a line."""
    processes = processes_of(ours)
    memory.forget_peaks(processes.values())
    out = outcome(ours, records)
    job = programs.run("scoreline.commands", "score", table(ours, records), "-o", out, more=ours.address())
    if (count := lines(out) - 1) != records:
        raise RuntimeError(f"{count:,} records came back of {records:,}")
    return replace(job, peaks={**job.peaks, **{name: memory.peak(process) for name, process in processes.items()}})


def processes_of(ours: Scoreline) -> dict[str, int]:
    api, worker = (part.process.pid for part in ours.parts)
    scoring = sorted(memory.family([worker]) - {worker})
    return {"API": api, "worker": worker} | {f"worker's process {place}": one for place, one in enumerate(scoring, 1)}


def lines(path: Path) -> int:
    with open(path, "rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


def scripted(ours: Scoreline, what: str) -> Run:
    interval = interval_of(ours)
    numbers = interval["half_width"], interval["minimum"]
    out = outcome(ours, LARGE, "script")
    return programs.run("benchmarks.script", table(ours, LARGE), ours.artifact(), *numbers, out, what)


def interval_of(ours: Scoreline) -> dict[str, float]:
    """Of the one version there is."""
    with queried(ours.database_url) as cursor:
        interval: dict[str, float] = first_value(cursor, "SELECT metrics -> 'interval' FROM versions")
    return interval


def check_same(service: Path, script: Path) -> None:
    """Both say the same of each record, in the same order. Then they are in the way."""
    one, other = (pd.read_csv(path)[OUTPUTS].to_numpy() for path in (service, script))
    if one.shape != other.shape or not np.allclose(one, other, rtol=0, atol=TOLERANCE):
        raise RuntimeError(f"{service} and {script} differ")
    service.unlink()
    script.unlink()


def beside(found: Sequence[Round]) -> list[Line]:
    jobs, scripts = [one.jobs[LARGE] for one in found], [one.script for one in found]
    memories = peaks_of(COMMAND, jobs), peaks_of(COMMAND, scripts)
    rates = [LARGE / job.seconds for job in jobs]
    textbook = [TEXTBOOK_RECORDS / one.textbook_seconds for one in found]
    return [
        Line(f"{LARGE:,} rows", "s", seconds(jobs), seconds(scripts), Bar("<=", 1, 0.8), SCRIPT),
        Line("beside the stricter one", "s", seconds(jobs), seconds(one.strict for one in found), None, SCRIPT),
        Line("peak of the command", "MB", *memories, None, SCRIPT),
        Line(f"a file of {LARGE:,}, {TEXTBOOK_RECORDS:,} requests", "records/s", rates, textbook, Bar(">=", 200, 400)),
    ]


def seconds(runs: Iterable[Run]) -> list[float]:
    return [run.seconds for run in runs]


def costs(found: Sequence[Round], last: Run) -> list[Figure]:
    """In microseconds; that of the largest file beside that of a small one in each round."""
    spent = {records: [one.jobs[records].seconds / records * 1e6 for one in found] for records in found[0].jobs}
    spent[LARGEST] = [last.seconds / LARGEST * 1e6]
    growth = [spent[LARGEST][0] / small for small in spent[SMALL]]
    return [
        *(Figure(f"cost of a record of {records:,}", "µs", values) for records, values in spent.items()),
        Figure(f"cost at {LARGEST:,} beside {SMALL:,}", "x", growth, MOST_GROWTH),
    ]


def peaks(found: Sequence[Round], last: Run) -> list[Figure]:
    """Of each process, with a large file and with the largest."""
    jobs = {LARGE: [one.jobs[LARGE] for one in found], LARGEST: [last]}
    bars = {("API", LARGEST): MOST_MEGABYTES}
    return [
        Figure(f"peak of the {name} at {records:,}", "MB", peaks_of(name, some), bars.get((name, records)))
        for records, some in jobs.items()
        for name in last.peaks
    ]


def peaks_of(name: str, jobs: Iterable[Run]) -> list[float]:
    return [job.peaks[name] for job in jobs]
