"""`scoreline doctor`: what is reachable, what is not, and what to do."""

import click

from scoreline.client import Client
from scoreline.commands.options import as_json
from scoreline.commands.report import FAILED, show
from scoreline.errors import Refused


@click.command()
@as_json
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
        client.me()
    except Refused as error:
        return {"status": "refused" if error.status == 401 else "unknown", "detail": error.detail}
    return {"status": "ok", "detail": "accepted"}
