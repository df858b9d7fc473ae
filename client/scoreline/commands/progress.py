"""How far a file has come, on stderr: a bar on a terminal, a line every few seconds elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from scoreline.job import Job
from scoreline.jobs import glance
from scoreline.link import finished, looking

LINE_SECONDS = 5.0
MEGABYTE = 1e6


class Display(Protocol):
    def sent(self, size: int, total: int) -> None: ...

    def scored(self, job: Job) -> None: ...


class Amount(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text("" if task.total is None else task.fields["amount"](task.completed, task.total, task.speed))


class Bar:
    """One line that is drawn again and again, and is gone at the end."""

    def __init__(self, progress: Progress) -> None:
        self.progress, self.task = progress, progress.add_task("connecting", total=None)

    def sent(self, size: int, total: int) -> None:
        said = "sending" if size < total else "sent, being stored"
        self.progress.update(self.task, description=said, completed=size, total=total, amount=of_bytes)

    def scored(self, job: Job) -> None:
        total = job.records.total
        self.progress.update(self.task, description=stage(job), completed=job.settled, total=total, amount=of_records)


class Lines:
    def __init__(self, every: float = LINE_SECONDS) -> None:
        self.every = every
        self.begun = self.said = time.monotonic()

    def sent(self, size: int, total: int) -> None:
        self.say(f"sending: {of_bytes(size, total, self.pace(size))}")

    def scored(self, job: Job) -> None:
        done, left = job.settled, job.eta_seconds
        amount = of_records(done, job.records.total, self.pace(done))
        self.say(f"{stage(job)}: {amount}" + (f", about {left:,.0f} s left" if left else ""))

    def pace(self, done: int) -> float:
        return done / (time.monotonic() - self.begun)

    def say(self, line: str) -> None:
        if time.monotonic() - self.said >= self.every:
            self.said = time.monotonic()
            click.echo(line, err=True)


def display(out: str) -> AbstractContextManager[Display]:
    """A bar, unless nobody sees it or the results go to the same terminal."""
    if not sys.stderr.isatty() or (out == "-" and sys.stdout.isatty()):
        return nullcontext(Lines())
    return bar()


@contextmanager
def bar() -> Iterator[Display]:
    columns = (TextColumn("{task.description}"), BarColumn(), Amount(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, redirect_stdout=False, transient=True) as progress:
        yield Bar(progress)


@contextmanager
def watched(job: Job, shown: Display) -> Iterator[None]:
    """Shows how far the job is while something else is done."""
    shown.scored(job)
    with looking(lambda: shown.scored(finished(glance(job)))):
        yield


def stage(job: Job) -> str:
    if job.status != "pending":
        return "scoring"
    return f"waiting, {records(job.ahead)} ahead" if job.ahead else "waiting"


def of_bytes(done: float, total: float, pace: float | None) -> str:
    """`12.0 of 80.0 MB, 95.1 MB/s`; without the pace where that is not known yet."""
    amount = f"{done / MEGABYTE:,.1f} of {total / MEGABYTE:,.1f} MB"
    return f"{amount}, {pace / MEGABYTE:,.1f} MB/s" if pace else amount


def of_records(done: float, total: float, pace: float | None) -> str:
    amount = f"{done:,.0f} of {records(total)}"
    return f"{amount}, {records(pace)}/s" if pace else amount


def records(count: float) -> str:
    return f"{count:,.0f} record{'' if round(count) == 1 else 's'}"
