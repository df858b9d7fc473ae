"""`scoreline jobs`, `cancel`, `retry` and `results`: jobs that were submitted before."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from scoreline.client import Client
from scoreline.commands import options
from scoreline.commands.collection import collect, target
from scoreline.commands.completion import job_ids, model_names
from scoreline.commands.options import a_job, as_json
from scoreline.commands.report import exit_code, say, say_outcome, show
from scoreline.commands.tables import print_table
from scoreline.formats import FORMATS, result_format
from scoreline.job import Job

STATUSES = ("pending", "running", "succeeded", "failed", "canceled", "expired")


@click.command()
@click.argument("job", required=False, shell_complete=job_ids)
@click.option("--status", type=click.Choice(STATUSES), help="Of this status.")
@click.option("--model", shell_complete=model_names, help="Of this model.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True)
@as_json
def jobs(job: str | None, status: str | None, model: str | None, limit: int, as_json: bool) -> None:
    """Lists your jobs, or shows the one named.

    \b
    scoreline jobs --status running
    scoreline jobs 0199c1e8-...
    """
    with Client() as client:
        if job:
            show(client.job(job).answer)
            return
        found = list(client.jobs(status=status, model=model, limit=limit))
    if as_json:
        show({"items": [one.answer for one in found]})
    else:
        print_table(("job", "status", "model", "records", "failed", "age"), [line(one) for one in found])


def line(job: Job) -> tuple[str, ...]:
    counts = (f"{job.records.total:,}", f"{job.records.failed:,}")
    return (job.id, job.status, job.model, *counts, age(datetime.now(UTC) - job.created_at))


def age(since: timedelta) -> str:
    """`12 s`, `3 min`, `2 h`, `5 d`."""
    seconds = max(0, since.total_seconds())
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.0f} s"


@click.command()
@a_job
@as_json
def cancel(job: str, as_json: bool) -> None:
    """Ends a job; what is scored is kept.

    \b
    scoreline cancel 0199c1e8-...
    """
    with Client() as client:
        show_change(client.job(job).cancel(), as_json)


@click.command()
@a_job
@as_json
def retry(job: str, as_json: bool) -> None:
    """Scores again what failed, was canceled or expired in a finished job, and only that.

    \b
    scoreline retry 0199c1e8-...
    """
    with Client() as client:
        show_change(client.job(job).retry(), as_json)


def show_change(job: Job, as_json: bool) -> None:
    if as_json:
        show(job.answer)
    else:
        counts = job.records
        click.echo(f"{job.id} is {job.status}: {counts.succeeded:,} of {counts.total:,} records are scored")


@click.command()
@a_job
@click.option("-o", "--out", default="-", help="The file to write; stdout unless told.")
@click.option(
    "--errors", "errors_only", is_flag=True, help="Only the records that failed, with the reason and the line."
)
@click.option(
    "--format", "form", type=click.Choice(sorted({*FORMATS.values()})), help="Unless the file's name says it."
)
@options.raw
def results(job: str, out: str, errors_only: bool, form: str | None, raw: bool) -> None:
    """Writes the results of a job; while it runs, they are written as they are scored.

    \b
    scoreline results 0199c1e8-... -o houses.scored.csv
    scoreline results 0199c1e8-... --errors --format ndjson
    """
    form = form or ("csv" if out == "-" else result_format(Path(out)))
    if form == "parquet" and out == "-" and sys.stdout.isatty():
        raise click.UsageError("Parquet is not for a terminal; give a file: -o results.parquet")
    with Client() as client:
        found = client.job(job)
        if errors_only:
            write_errors(found, out, form, raw)
            return
        with target(out) as opened:
            found = collect(found, opened, form, out, raw)
        say_outcome(found, out)
    raise click.exceptions.Exit(exit_code(found))


def write_errors(job: Job, out: str, form: str, raw: bool) -> None:
    with target(out) as opened:
        job.write_errors(opened, form, raw)
    if not job.is_finished:
        say("the job is not finished: these are its errors so far")
