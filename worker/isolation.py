"""Records that may kill or hang whoever scores them, scored where that harms nobody.

`python -m worker.isolation` loads the model, which it does not use itself: it forks for each part of the records,
halves a part whose process dies or hangs, and so finds the records to blame. A process of a worker cannot fork for
this: OpenMP that was used before a fork hangs the child. Slices whose worker died for other reasons just succeed.
"""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

import orjson

from shared import db
from shared.errors import ScorelineError
from shared.features import Problem
from shared.jobs import Claimed, Result
from shared.processes import die_with_parent
from shared.registry import SLICE_SECONDS
from shared.settings import settings
from shared.tables import Version
from worker import models, scoring

LOAD_SECONDS = 120
# A part may take so much longer than what was measured, and some seconds more: the machine may be busy.
PATIENCE, FLOOR_SECONDS = 20, 5.0
# Where not all can be scored at once, parts grow as long as they succeed: the pace is known before a large one hangs.
GROWTH = 10
# Each record to blame among 10,000 costs 14 deaths, and each that hangs costs 5 seconds.
MOST_DEATHS = 100
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
WHAT_TO_DO = "look at the record or serve another version of the model, then retry the job"

Row = list[Any]
Score = Callable[[Sequence[Row]], list[scoring.Outcome]]


class Died(Exception):
    """A process ended, or had to be ended, before it had scored its part; says why one record makes it fail."""

    def __init__(self, code: str, how: str) -> None:
        super().__init__(how)
        self.problem: Problem = {"code": code, "detail": f"scoring this record alone {how}; {WHAT_TO_DO}"}


class CannotIsolate(ScorelineError):
    """The isolating process could not begin; nothing is known about the records."""

    def __init__(self, detail: str, code: str = "killed_worker") -> None:
        super().__init__(detail)
        self.code = code


def score(held: Sequence[Claimed]) -> list[Result]:
    """A result for each slice, as `scoring.score` gives it, made by a process of its own."""
    rows = [row for claimed in held for row in scoring.to_score(claimed)]
    process = subprocess.Popen(  # noqa: S603  all of it our own words
        [sys.executable, "-m", "worker.isolation", str(os.getpid())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | ONE_THREAD,
    )
    said, _ = process.communicate(orjson.dumps({"version": held[0].version_id, "rows": rows}))
    if process.returncode:
        how = ended(process.returncode)
        raise CannotIsolate(f"loading the model to score this record apart {how}; see the worker's log, then retry")
    answer = orjson.loads(said)
    if "outcomes" not in answer:
        raise CannotIsolate(**answer)
    found = iter(answer["outcomes"])
    return [scoring.result(claimed, found) for claimed in held]


def ended(code: int) -> str:
    """How a process came to its end, and why that may be."""
    if code >= 0:
        return f"ended its process with exit code {code}"
    memory = ", as the system does when memory is short" if -code == signal.SIGKILL else ""
    return f"ended its process by {signal.Signals(-code).name}{memory}"


class Isolation:
    """Scores rows part by part, each in a process of its own, and knows at what pace."""

    def __init__(self, score: Score, slice_records: int) -> None:
        self.score = score
        self.deaths = 0
        # With one record a slice nothing is known but that it takes 0.1 s or more: it has as long as any slice.
        known = SLICE_SECONDS / slice_records if slice_records > 1 else settings().slice_seconds / PATIENCE
        self.seconds_each, self.largest = known, 0

    def outcomes(self, rows: Sequence[Row]) -> list[scoring.Outcome]:
        """The outcome of each row; those that kill or hang their process have the reason for one.

        All at once first, since most workers die for reasons of their own.
        """
        if not rows:
            return []
        try:
            return self.apart(rows)
        except Died as death:
            self.deaths += 1
            if len(rows) == 1:
                return [death.problem]
        found: list[scoring.Outcome] = []
        size = 1
        while len(found) < len(rows):
            found += self.halved(rows[len(found) : len(found) + size])
            size *= GROWTH
        return found

    def halved(self, rows: Sequence[Row]) -> list[scoring.Outcome]:
        if self.deaths >= MOST_DEATHS:
            detail = f"not scored: {self.deaths} processes died of records in the same slice; {WHAT_TO_DO}"
            return [{"code": "killed_worker", "detail": detail}] * len(rows)
        try:
            return self.apart(rows)
        except Died as death:
            self.deaths += 1
            if len(rows) == 1:
                return [death.problem]
        middle = len(rows) // 2
        return self.halved(rows[:middle]) + self.halved(rows[middle:])

    def apart(self, rows: Sequence[Row]) -> list[scoring.Outcome]:
        """The outcomes, from a process that may die of it."""
        began, seconds = time.monotonic(), FLOOR_SECONDS + PATIENCE * self.seconds_each * len(rows)
        found = forked(lambda: orjson.dumps(self.score(rows)), seconds)
        if len(rows) >= self.largest:
            self.largest, self.seconds_each = len(rows), (time.monotonic() - began) / len(rows)
        outcomes: list[scoring.Outcome] = orjson.loads(found)
        return outcomes


def forked(work: Callable[[], bytes], seconds: float) -> bytes:
    """What the work returns in a process of its own, which has so many seconds."""
    reader, writer = os.pipe()
    parent = os.getpid()
    process = os.fork()
    if process == 0:
        os.close(reader)
        serve(work, writer, parent)
    os.close(writer)
    try:
        with open(reader, "rb", buffering=0) as pipe:
            said = read_within(pipe, seconds)
    except TimeoutError:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        raise Died("timed_out", f"took longer than {seconds:.0f} seconds") from None
    _, status = os.waitpid(process, 0)
    if code := os.waitstatus_to_exitcode(status):
        raise Died("killed_worker", ended(code))
    return said


def serve(work: Callable[[], bytes], writer: int, parent: int) -> None:
    """The life of a forked process: whatever happens in it, it goes no further than here."""
    code = 1
    try:
        die_with_parent(signal.SIGKILL, parent)
        with suppress(OSError):  # when memory is short, this process is to go, and not the worker
            Path("/proc/self/oom_score_adj").write_text("1000")
        said = work()
        with open(writer, "wb") as pipe:
            pipe.write(said)
        code = 0
    finally:
        os._exit(code)


def read_within(pipe: Any, seconds: float) -> bytes:
    """All that comes until the other end is closed."""
    said, deadline = bytearray(), time.monotonic() + seconds
    while True:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([pipe], [], [], left)[0]:
            raise TimeoutError
        piece = pipe.read(1 << 16)
        if not piece:
            return bytes(said)
        said += piece


def isolation_for(version_id: int) -> Isolation:
    """Scores rows with the version, by way of what scores slices."""
    signal.alarm(LOAD_SECONDS)
    model = models.load(version_id)
    signal.alarm(0)
    with db.transaction() as session:
        slice_records = session.get_one(Version, version_id).slice_records
    db.engine().dispose()  # no process that is forked from here has a use for a connection

    def score(rows: Sequence[Row]) -> list[scoring.Outcome]:
        whole = Claimed(0, UUID(int=0), version_id, 0, 0, 0, len(rows), list(rows), None)
        [result] = scoring.score(model, [whole])
        return outcomes_of(result)

    return Isolation(score, slice_records)


def outcomes_of(result: Result) -> list[scoring.Outcome]:
    outputs: list[Row | None] = orjson.loads(orjson.dumps(result.outputs))
    problems = {error["offset"]: {"code": error["code"], "detail": error["detail"]} for error in result.errors}
    return [problems[offset] if output is None else output for offset, output in enumerate(outputs)]


def own_output() -> BinaryIO:
    """Where the answer goes. What a model prints goes where errors go."""
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answer


def main(parent: int) -> None:
    die_with_parent(signal.SIGKILL, parent)
    answer = own_output()
    asked = orjson.loads(sys.stdin.buffer.read())
    try:
        said: dict[str, Any] = {"outcomes": isolation_for(asked["version"]).outcomes(asked["rows"])}
    except ScorelineError as error:
        said = {"code": error.code, "detail": error.detail}
    with answer:
        answer.write(orjson.dumps(said))


if __name__ == "__main__":
    main(int(sys.argv[1]))
