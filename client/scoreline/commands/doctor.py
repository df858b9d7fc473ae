"""`scoreline doctor`: what is reachable, what is not, and what to do."""

from dataclasses import asdict, dataclass

import click

from scoreline.answers import Answer
from scoreline.client import Client
from scoreline.commands.asking import at_once
from scoreline.commands.options import as_json
from scoreline.commands.report import FAILED, UNREACHABLE, show
from scoreline.errors import Refused, ScorelineError, Unreachable

SECONDS = 10
STUCK_SECONDS = 60  # a slice takes 0.1 s, and hints that were lost are sent again within seconds
FIXES = {
    "api": "start one: scoreline up, or docker compose up -d --wait; if it runs elsewhere: export SCORELINE_URL=...",
    "key": "an administrator makes one: scoreline keys add USERNAME NAME; then: export SCORELINE_API_KEY=...",
    "database": "start it: scoreline up, or docker compose up -d --wait; where tables are missing: scoreline setup",
    "redis": "start it: scoreline up, or docker compose up -d redis",
    "workers": "start one: scoreline up, or docker compose up -d worker",
    "queue": "look at the log of the workers, then start them again: scoreline up, or docker compose restart worker",
    "models": "see which: scoreline models; serve one that works: scoreline promote NAME:NUMBER champion; or make one: "
    "scoreline train housing",
}


@dataclass(frozen=True)
class Part:
    """How a part is; `fix` is what to do, where it is not well."""

    status: str
    detail: str
    fix: str | None = None


@click.command()
@as_json
def doctor(as_json: bool) -> None:
    """Says what is reachable, what is not, and what to do.

    \b
    scoreline doctor
    scoreline doctor --json
    """
    with Client() as client:
        found = examined(client)
    if as_json:
        show({name: asdict(part) for name, part in found.items()})
    else:
        for name, part in found.items():
            say_part(name, part)
    if any(part.status != "ok" for part in found.values()):
        raise click.exceptions.Exit(UNREACHABLE if found["api"].status == "away" else FAILED)


def examined(client: Client) -> dict[str, Part]:
    """The API alone where that does not answer; the other parts are asked through it."""
    try:
        health = at_once(client, "/health", SECONDS, fine=(200, 503))
    except ScorelineError as error:
        return {"api": Part("away" if isinstance(error, Unreachable) else "unknown", str(error), FIXES["api"])}
    parts = {"api": Part("ok", f"answers at {client.url}"), "key": key(client)}
    parts |= {name: part(name, health[name]) for name in ("database", "redis", "workers")}
    parts["queue"] = queue(client) if parts["key"].status == "ok" else Part("unknown", "it takes a key to ask")
    parts["models"] = part("models", health["models"])
    return parts


def part(name: str, answer: Answer) -> Part:
    fix = None if answer["status"] == "ok" else FIXES[name]
    return Part(answer["status"], answer["detail"], fix)


def key(client: Client) -> Part:
    try:
        me = at_once(client, "/users/me", SECONDS)
    except Refused as error:
        if error.status == 401:
            return Part("refused", error.detail, FIXES["key"])
        return Part("unknown", error.detail)
    except Unreachable as error:
        return Part("unknown", str(error))
    return Part("ok", f"that of {me['username']}")


def queue(client: Client) -> Part:
    """Stuck, if what waits is waited for by nobody."""
    try:
        lanes = at_once(client, "/queue", SECONDS)["lanes"]
    except ScorelineError as error:
        return Part("unknown", str(error))
    for lane in lanes:
        oldest = lane["oldest_seconds"] or 0
        if oldest > STUCK_SECONDS and not lane["running"]:
            detail = (
                f"{lane['records_waiting']:,} records wait in {lane['lane']}, for {oldest:,.0f} s, and none is scored"
            )
            return Part("stuck", detail, FIXES["queue"])
    return Part("ok", f"{sum(lane['records_waiting'] for lane in lanes):,} records wait")


def say_part(name: str, part: Part) -> None:
    click.echo(f"{name:<9} {part.status:<9} {part.detail}")
    if part.fix:
        click.echo(f"{'':<9} {'to do':<9} {part.fix}")
