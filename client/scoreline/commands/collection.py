"""Getting the results of a job while it is scored, in a way that can be left and taken up again."""

import sys
from contextlib import AbstractContextManager, nullcontext

import click

from scoreline.commands.progress import display, watched
from scoreline.commands.report import INTERRUPTED, say_how_to_come_back
from scoreline.errors import Refused, ScorelineError
from scoreline.job import Job
from scoreline.sinks import Sink, sink

NOT_THERE = 404  # somebody has deleted it


def target(out: str) -> AbstractContextManager[Sink]:
    """A file, or stdout for `-`: what has gone there cannot be taken back, even where it leads to a file."""
    return nullcontext(Sink(sys.stdout.buffer, rewinds=False)) if out == "-" else sink(out)


def collect(job: Job, opened: Sink, form: str, out: str, raw: bool) -> Job:
    """The finished job, its results written; whoever interrupts that learns how to come back."""
    try:
        with display(out) as shown, watched(job, shown):
            job.results(opened, form, raw=raw)
        return job.wait()
    except KeyboardInterrupt:
        say_how_to_come_back(job.id, out, form, raw)
        raise click.exceptions.Exit(INTERRUPTED) from None
    except ScorelineError as error:
        if not isinstance(error, Refused) or error.status != NOT_THERE:
            say_how_to_come_back(job.id, out, form, raw)
        raise
