"""Getting the results of a job while it is scored, in a way that can be left and taken up again."""

import sys
from contextlib import AbstractContextManager, nullcontext

import click

from scoreline.answers import Answer
from scoreline.client import Client
from scoreline.errors import Refused, ScorelineError
from scoreline.outputs import Output, output
from scoreline.progress import display, watched
from scoreline.report import INTERRUPTED, say_how_to_come_back

NOT_THERE = 404  # somebody has deleted it


def target(out: str) -> AbstractContextManager[Output]:
    """A file, or stdout for `-`: what has gone there cannot be taken back, even where it leads to a file."""
    return nullcontext(Output(sys.stdout.buffer, rewinds=False)) if out == "-" else output(out)


def collect(client: Client, job: Answer, sink: Output, form: str, out: str) -> Answer:
    """The finished job, its results written; whoever interrupts that learns how to come back."""
    try:
        with display(out) as shown, watched(client, job, shown):
            client.results(job["id"], sink, form, follow=True)
        return client.finished(job["id"])
    except KeyboardInterrupt:
        say_how_to_come_back(job["id"], out, form)
        raise click.exceptions.Exit(INTERRUPTED) from None
    except ScorelineError as error:
        if not isinstance(error, Refused) or error.status != NOT_THERE:
            say_how_to_come_back(job["id"], out, form)
        raise
