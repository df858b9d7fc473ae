"""`scoreline score`: a file of records in, a file of predictions out."""

import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from scoreline.client import Client
from scoreline.commands import options
from scoreline.commands.collection import collect, target
from scoreline.commands.progress import display, records
from scoreline.commands.report import FAILED, INTERRUPTED, exit_code, say, say_how_to_come_back, say_outcome
from scoreline.errors import Unreachable, Unusable
from scoreline.formats import result_format, scored_beside
from scoreline.job import Job
from scoreline.uploads import Upload


@click.command()
@click.argument("file")
@click.option("-o", "--out", help="The file to write, - for stdout; beside FILE unless told: houses.scored.csv.")
@options.model
@click.option(
    "--on-error",
    type=click.Choice(["quarantine", "reject"]),
    default="quarantine",
    show_default=True,
    help="What a bad record does: it fails alone, or the whole file is refused.",
)
@click.option("--name", help="A name for the job.")
@click.option("--meta", multiple=True, metavar="KEY=VALUE", help="Kept with the job; may be given 16 times.")
@click.option("--detach", is_flag=True, help="Print the id of the job and do not wait for it.")
@options.raw
def score(
    file: str,
    out: str | None,
    model: str,
    on_error: str,
    name: str | None,
    meta: tuple[str, ...],
    detach: bool,
    raw: bool,
) -> None:
    """Scores the records of FILE, or of the CSV that comes in on -.

    The names say what the files hold: .csv, .ndjson, .jsonl, .json, .parquet (FILE also .tsv), with .gz behind it
    where they are packed. Ctrl-C leaves the job to go on by itself.

    \b
    scoreline score houses.csv
    scoreline score houses.parquet -o prices.csv.gz --model housing:3
    """
    asked = {"model": model, "on_error": on_error, "name": name, "metadata": dict(key_and_value(one) for one in meta)}
    try:
        with input_file(file) as path, Client() as client:
            out, form = where_to(path, out or ("-" if file == "-" else None))
            if detach:
                job = submitted(client, path, out, asked)
                click.echo(job.id)
                say_how_to_come_back(job.id, out, form, raw)
            else:
                raise click.exceptions.Exit(exit_code(scored(client, path, out, form, asked, raw)))
    except KeyboardInterrupt:
        raise click.exceptions.Exit(INTERRUPTED) from None


def key_and_value(written: str) -> tuple[str, str]:
    key, sign, value = written.partition("=")
    if not sign:
        raise click.UsageError(f'"{written}" is not KEY=VALUE')
    return key, value


@contextmanager
def input_file(file: str) -> Iterator[Path]:
    """The file; for - a file that holds what comes in, as it may have to be sent again."""
    if file != "-":
        yield Path(file)
        return
    with tempfile.NamedTemporaryFile(prefix="scoreline-", suffix=".csv") as kept:
        shutil.copyfileobj(sys.stdin.buffer, kept)
        kept.flush()
        if not kept.tell():
            raise Unusable("the input is empty; it needs a header and at least one record")
        yield Path(kept.name)


def where_to(path: Path, out: str | None) -> tuple[str, str]:
    """The file to write and its format; Unusable where the one cannot be sent or the other not be written."""
    Upload(path)
    beside = scored_beside(path)
    out = out or str(beside)
    if out == "-":
        return out, result_format(beside)
    if Path(out).exists() and path.samefile(out):
        raise Unusable(f'"{out}" is the file with the records; name another with -o')
    return out, result_format(Path(out))


def scored(client: Client, path: Path, out: str, form: str, asked: dict[str, Any], raw: bool) -> Job:
    """The job, finished, its results in place. The place is tried first: nothing is scored that cannot be kept."""
    begun = time.monotonic()
    with target(out) as opened:
        job = submitted(client, path, out, asked)
        say(f"job {job.id}: {records(job.records.total)} for {job.model}; Ctrl-C leaves it to go on by itself")
        job = collect(job, opened, form, out, raw)
        if job.status != "succeeded":
            keep_what_was_there(job, out)
    say_outcome(job, out, time.monotonic() - begun)
    return job


def submitted(client: Client, path: Path, out: str, asked: dict[str, Any]) -> Job:
    """The job; whoever interrupts before there is one learns that."""
    whole = False

    def told(size: int, total: int) -> None:
        nonlocal whole
        whole = whole or size == total
        shown.sent(size, total)

    try:
        with display(out) as shown:
            return client.submit(path, **asked, progress=told)
    except (KeyboardInterrupt, Unreachable):
        say("the file was sent; whether it became a job, scoreline jobs tells" if whole else "nothing was submitted")
        raise


def keep_what_was_there(job: Job, out: str) -> None:
    say_outcome(job, "-")
    say(f"scoreline: the job is {job.status}")
    if out != "-":
        say(f"{out} is left as it was; what there is of results: scoreline results {job.id} -o {shlex.quote(out)}")
    raise click.exceptions.Exit(FAILED)
