"""The command `scoreline`: what speaks HTTP is here; the operator's commands join through an entry point."""

import json
import sys
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import click

from scoreline.client import Client
from scoreline.errors import Refused, ScorelineError, Unreachable, Unusable
from scoreline.jobs import cancel, jobs, results, retry
from scoreline.models import models, promote
from scoreline.report import FAILED, UNREACHABLE, USAGE, say, say_errors, show
from scoreline.scoring import score
from scoreline.users import keys, users

ERRORS_SAID = 10


class Commands(click.Group):
    """Knows the commands of other packages by name, and imports one only when it is called."""

    def list_commands(self, context: click.Context) -> list[str]:
        return sorted({*super().list_commands(context), *joined()})

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        own = super().get_command(context, name)
        if own is None and name in joined():
            command: click.Command = joined()[name].load()
            return command
        return own


def joined() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group="scoreline.commands")}


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="scoreline")
def scoreline() -> None:
    """Predictions that are never lost: submit records, follow jobs, run the service."""


@scoreline.command()
@click.argument("features", nargs=-1, metavar="NAME=VALUE...")
@click.option("--json", "source", type=click.File("rb"), help="Read the record from a JSON file; - is the input.")
@click.option("--model", default="housing", help="housing, housing:3 or housing@champion.")
def predict(features: tuple[str, ...], source: Any, model: str) -> None:
    """Scores one record and prints its output.

    \b
    scoreline predict median_income=8.3 latitude=37.9 ...
    scoreline predict --json house.json
    """
    record = record_from(features, source)
    with Client() as client:
        job = client.predict(record, model)
    if job["status"] != "succeeded":
        problem = job["error"] or {"detail": f"the job is {job['status']}; see scoreline jobs {job['id']}"}
        raise click.ClickException(problem["detail"])
    show(job["output"])


def record_from(features: tuple[str, ...], source: Any) -> dict[str, Any]:
    if features == ("-",):
        source, features = sys.stdin.buffer, ()
    if bool(features) == bool(source):
        raise click.UsageError("give the record as NAME=VALUE, or as --json FILE, or as - for the input")
    if source:
        try:
            found = json.load(source)
        except ValueError as error:
            raise click.ClickException(f"that is not JSON: {error}") from error
        return found  # type: ignore[no-any-return]
    return dict(feature(written) for written in features)


def feature(written: str) -> tuple[str, Any]:
    """Name and value of `name=value`: a number, true, false or null where it reads as one, else text."""
    name, sign, value = written.partition("=")
    if not sign:
        raise click.UsageError(f'"{written}" is not NAME=VALUE')
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value or None


for command in (score, jobs, cancel, retry, results, models, promote, users, keys):
    scoreline.add_command(command)


@scoreline.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(as_json: bool) -> None:
    """Says what is reachable, what is not, and what to do."""
    with Client() as client:
        found = client.health()
        found["key"] = key_state(client)
        found["api"] = {"status": "ok", "detail": f"answers at {client.url}"}
    parts = ("api", "key", "database", "redis", "workers", "models")
    if as_json:
        show({name: found[name] for name in parts})
    else:
        for name in parts:
            click.echo(f"{name:<9} {found[name]['status']:<9} {found[name]['detail']}")
    if any(found[name]["status"] != "ok" for name in parts):
        raise click.exceptions.Exit(FAILED)


def key_state(client: Client) -> dict[str, str]:
    try:
        client.jobs(limit=1)
    except Refused as error:
        return {"status": "refused" if error.status == 401 else "unknown", "detail": error.detail}
    return {"status": "ok", "detail": "accepted"}


def main() -> None:
    """Runs the command; what the service or the network refuses is one line, not a trace."""
    try:
        scoreline()
    except ScorelineError as error:
        say(f"scoreline: {error}")
        if isinstance(error, Refused):
            say_refused(error)
        if isinstance(error, Unreachable):
            say("start one with: scoreline up")
        sys.exit(exit_code_of(error))


def say_refused(error: Refused) -> None:
    """What else is wrong, where the first line did not say it."""
    others = [one for one in error.errors if one["detail"] != error.detail]
    say_errors(others[:ERRORS_SAID])
    if len(others) > ERRORS_SAID:
        say(f"  and {len(others) - ERRORS_SAID} more")


def exit_code_of(error: ScorelineError) -> int:
    codes = {Unreachable: UNREACHABLE, Unusable: USAGE}
    return codes.get(type(error), FAILED)


if __name__ == "__main__":
    main()
