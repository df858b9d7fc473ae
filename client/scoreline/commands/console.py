"""`scoreline console`: the page, signed in."""

import webbrowser

import click

from scoreline.client import Client
from scoreline.commands.report import FAILED, say
from scoreline.errors import Unusable


@click.command()
def console() -> None:
    """Opens the page of the service in a browser, signed in.

    The key goes behind the # of the address, which no browser sends anywhere, and which the page takes away at once.

    \b
    scoreline console
    """
    with Client() as client:
        if not client.api_key:
            raise Unusable("there is no key to sign in with; set SCORELINE_API_KEY, or go where scoreline up was run")
        client.me()
        address = f"{client.url}/"
    click.echo(address)
    if not webbrowser.open(f"{address}#key={client.api_key}"):
        say("no browser could be started here; open that address in one and sign in with your key")
        raise click.exceptions.Exit(FAILED)
