"""`scoreline jobs`, `cancel`, `retry` and `results`: jobs that were submitted before."""

from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from scoreline.answers import Answer
from scoreline.client import Client
from scoreline.collection import collect, target
from scoreline.formats import FORMATS, result_format
from scoreline.report import exit_code, say, say_outcome, show

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.command()
@click.argument("job", required=False)
@click.option("--status", help="pending, running, succeeded, failed, canceled or expired.")
@click.option("--limit", default=20, show_default=True)
@as_json
def jobs(job: str | None, status: str | None, limit: int, as_json: bool) -> None:
    """Lists your jobs, or shows the one named.

    \b
    scoreline jobs --status running
    scoreline jobs 0199c1e8-...
    """
    with Client() as client:
        found = client.job(job) if job else client.jobs(status=status, limit=limit)
    if as_json or job:
        show(found)
    else:
        Console(width=max(Console().width, 110)).print(table(found["items"]))


def table(found: list[Answer]) -> Table:
    made = Table(box=None)
    for heading in ("job", "status", "model", "records", "failed", "created"):
        made.add_column(heading, no_wrap=True, overflow="ignore")
    for one in found:
        model, records = one["model"], one["records"]
        name = f"{model['name']}:{model['version']}"
        counts = (f"{records['total']:,}", f"{records['failed']:,}")
        made.add_row(one["id"], one["status"], name, *counts, one["created_at"][:19].replace("T", " "))
    return made


@click.command()
@click.argument("job")
@as_json
def cancel(job: str, as_json: bool) -> None:
    """Ends a job; what is scored is kept.

    \b
    scoreline cancel 0199c1e8-...
    """
    with Client() as client:
        show_change(client.cancel(job), as_json)


@click.command()
@click.argument("job")
@as_json
def retry(job: str, as_json: bool) -> None:
    """Scores again what failed, was canceled or expired in a finished job, and only that.

    \b
    scoreline retry 0199c1e8-...
    """
    with Client() as client:
        show_change(client.retry(job), as_json)


def show_change(job: Answer, as_json: bool) -> None:
    if as_json:
        show(job)
    else:
        counts = job["records"]
        click.echo(f"{job['id']} is {job['status']}: {counts['succeeded']:,} of {counts['total']:,} records are scored")


@click.command()
@click.argument("job")
@click.option("-o", "--out", default="-", help="The file to write; stdout unless told.")
@click.option(
    "--errors", "errors_only", is_flag=True, help="Only the records that failed, with the reason and the line."
)
@click.option(
    "--format", "form", type=click.Choice(sorted({*FORMATS.values()})), help="Unless the file's name says it."
)
def results(job: str, out: str, errors_only: bool, form: str | None) -> None:
    """Writes the results of a job; while it runs, they are written as they are scored.

    \b
    scoreline results 0199c1e8-... -o houses.scored.csv
    scoreline results 0199c1e8-... --errors --format ndjson
    """
    form = form or ("csv" if out == "-" else result_format(Path(out)))
    with Client() as client:
        found = client.job(job)
        if errors_only:
            write_errors(client, found, out, form)
            return
        with target(out) as sink:
            found = collect(client, found, sink, form, out)
        say_outcome(client, found, out)
    raise click.exceptions.Exit(exit_code(found))


def write_errors(client: Client, job: Answer, out: str, form: str) -> None:
    with target(out) as sink:
        client.results(job["id"], sink, form, errors_only=True)
    if not job["finished_at"]:
        say("the job is not finished: these are its errors so far")
