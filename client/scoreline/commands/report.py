"""What the commands say, and the exit codes."""

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from scoreline.answers import Answer
from scoreline.commands.progress import records
from scoreline.errors import place
from scoreline.formats import FORMATS, named
from scoreline.job import Job

DONE, FAILED, USAGE, WITH_FAILURES, UNREACHABLE, INTERRUPTED = 0, 1, 2, 3, 4, 130
ERRORS_SAID = 5


def show(value: Any) -> None:
    """JSON, coloured on a terminal."""
    written = json.dumps(value, indent=2, ensure_ascii=False)
    if sys.stdout.isatty():
        Console().print_json(written)
    else:
        click.echo(written)


def say(line: str) -> None:
    """Beside the results, which may go to stdout."""
    click.echo(line, err=True)


def say_errors(errors: list[Answer]) -> None:
    for one in errors:
        say(f"  {place(one)}{one['detail']}")


def say_outcome(job: Job, out: str, seconds: float | None = None) -> None:
    """The counts and where the results are, then why the first records failed."""
    say(summary(job, seconds) + ("" if out == "-" else f": {out}"))
    failed = job.records.failed
    if failed:
        say_errors(job.errors(ERRORS_SAID))
    if failed > ERRORS_SAID:
        say(f"  and {failed - ERRORS_SAID:,} more: scoreline results {job.id} --errors")


def summary(job: Job, seconds: float | None) -> str:
    """`1,000 records, 3 failed, 1.2 s, 833 records/s`."""
    parts = [records(job.records.total), f"{job.records.failed:,} failed"]
    if job.status in ("canceled", "expired"):
        parts.append(f"{job.status} when {job.records.succeeded:,} were scored")
    if seconds:
        parts += [f"{seconds:.1f} s", f"{records(job.settled / seconds)}/s"]
    return ", ".join(parts)


def exit_code(job: Job) -> int:
    if job.status != "succeeded":
        return FAILED
    return WITH_FAILURES if job.records.failed else DONE


def say_how_to_come_back(job: str, out: str, form: str, raw: bool) -> None:
    to = [] if out == "-" else ["-o", shlex.quote(out)]
    if named(Path(out)).extension not in FORMATS:
        to += ["--format", form]
    if raw:
        to.append("--raw")
    say("the service goes on with the job and keeps its results; to look at it, to get them, to end it:")
    for command in (f"jobs {job}", f"results {job} {' '.join(to)}", f"cancel {job}"):
        say(f"  scoreline {command}")
