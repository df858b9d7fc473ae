"""`scoreline predict`: one record."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from scoreline.client import Client
from scoreline.commands import options
from scoreline.commands.report import INTERRUPTED, say, show


@click.command()
@click.argument("features", nargs=-1, metavar="NAME=VALUE...")
@click.option("--json", "source", type=click.File("rb"), help="Read the record from a JSON file; - is the input.")
@options.model
def predict(features: tuple[str, ...], source: Any, model: str) -> None:
    """Scores one record and prints its output.

    \b
    scoreline predict median_income=8.3 latitude=37.9 ...
    scoreline predict --json house.json
    """
    record = record_from(features, source)
    with Client() as client, interruptible():
        show(dict(client.predict(record, model=model)))


@contextmanager
def interruptible() -> Iterator[None]:
    """What was accepted is scored all the same."""
    try:
        yield
    except KeyboardInterrupt:
        say("the record may have been accepted, and is scored then; to look: scoreline jobs")
        raise click.exceptions.Exit(INTERRUPTED) from None


def record_from(features: tuple[str, ...], source: Any) -> dict[str, Any]:
    if features == ("-",):
        source, features = sys.stdin.buffer, ()
    if bool(features) == bool(source):
        raise click.UsageError("give the record as NAME=VALUE, or as --json FILE, or as - for the input")
    return record_in(source) if source else dict(feature(written) for written in features)


def record_in(source: Any) -> dict[str, Any]:
    try:
        found = json.load(source)
    except ValueError as error:
        raise click.UsageError(f"that is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise click.UsageError("that is no record; it must be a JSON object of features")
    return found


def feature(written: str) -> tuple[str, Any]:
    """Name and value of `name=value`: a number, true, false or null where it reads as one, else text."""
    name, sign, value = written.partition("=")
    if not sign:
        raise click.UsageError(f'"{written}" is not NAME=VALUE')
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value or None
