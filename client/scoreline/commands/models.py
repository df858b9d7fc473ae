"""`scoreline models` and `promote`: which versions there are, and which of them is served."""

import click

from scoreline.answers import Answer
from scoreline.client import Client
from scoreline.commands.completion import model_names, model_refs
from scoreline.commands.options import as_json
from scoreline.commands.report import say, show
from scoreline.commands.tables import print_table
from scoreline.errors import Refused

# The one figure of each task that says most; the rest is in --json.
FIGURES = (("r2", "R2"), ("accuracy", "accuracy"), ("silhouette", "silhouette"))


@click.command()
@click.argument("name", required=False, shell_complete=model_names)
@as_json
def models(name: str | None, as_json: bool) -> None:
    """Lists the versions of all models, or of the one named, with metrics and aliases.

    \b
    scoreline models
    scoreline models housing
    """
    with Client() as client:
        found = client.models(name)
    if as_json:
        show({"items": found})
        return
    headings = ("version", "aliases", "state", "task", "held out", "rows", "framework", "created")
    print_table(headings, [line(one) for one in found])
    for one in found:
        if one["failure"]:
            say(f"{one['ref']} cannot be served: {one['failure']}")


def line(one: Answer) -> tuple[str, ...]:
    return (
        one["ref"],
        ", ".join(one["aliases"]),
        state(one),
        one["task"],
        figure(one["metrics"]),
        rows(one["training"]),
        one["framework"],
        one["created_at"][:16].replace("T", " "),
    )


def state(version: Answer) -> str:
    if version["failure"]:
        return "failed"
    if not version["is_active"]:
        return "inactive"
    return "ready" if version["checked_at"] else "unchecked"


def figure(metrics: Answer) -> str:
    for name, title in FIGURES:
        if isinstance(metrics.get(name), int | float):
            return f"{title} {metrics[name]:.3f}"
    return ""


def rows(training: Answer) -> str:
    """Of the data that it was trained on, all parts together."""
    parts = training.get("rows")
    counts = parts.values() if isinstance(parts, dict) else [parts]
    return f"{sum(counts):,}" if all(isinstance(count, int) for count in counts) else ""


@click.command()
@click.argument("ref", shell_complete=model_refs)
@click.argument("alias")
@as_json
def promote(ref: str, alias: str, as_json: bool) -> None:
    """Has ALIAS mean the version REF for every request from now on; jobs that wait keep theirs.

    \b
    scoreline promote housing:3 champion
    """
    model, _, number = ref.partition(":")
    if not number.isdecimal():
        raise click.UsageError(f'"{ref}" names no version; write it like housing:3, scoreline models lists them')
    with Client() as client:
        before = client.alias(model, alias)
        try:
            found = client.promote(ref, alias, before["revision"] if before else 0)
        except Refused as error:
            if error.code == "not_checked":
                say("scoreline doctor says whether a worker runs")
            raise
    if as_json:
        show(found)
    else:
        report(found, before)


def report(now: Answer, before: Answer | None) -> None:
    name = f"{now['model']}@{now['alias']}"
    if before and before["ref"] == now["ref"]:
        click.echo(f"{name} is {now['ref']} already")
        return
    click.echo(f"{name} is {now['ref']} from now on")
    if before:
        click.echo(f"to go back: scoreline promote {before['ref']} {now['alias']}")
