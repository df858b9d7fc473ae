"""`scoreline users` and `keys`: who may call the service."""

import re

import click

from scoreline.answers import Answer
from scoreline.client import Client
from scoreline.commands.options import as_json
from scoreline.commands.report import say, show
from scoreline.commands.tables import print_table


@click.group(invoke_without_command=True)
@as_json
@click.pass_context
def users(context: click.Context, as_json: bool) -> None:
    """Lists the users, for administrators.

    \b
    scoreline users
    scoreline users add ada@example.org ada
    """
    if context.invoked_subcommand:
        return
    with Client() as client:
        found = list(client.users())
    if as_json:
        show({"items": found})
    else:
        print_table(
            ("id", "username", "email", "role", "state", "created"),
            [
                (str(one["id"]), one["username"], one["email"], role(one), state(one), moment(one["created_at"]))
                for one in found
            ],
        )


@users.command("add")
@click.argument("email")
@click.argument("username")
@click.option("--admin", "is_admin", is_flag=True, help="May do everything.")
@as_json
def add_user(email: str, username: str, is_admin: bool, as_json: bool) -> None:
    """Makes a user.

    \b
    scoreline users add ada@example.org ada
    """
    with Client() as client:
        made = client.add_user(email, username, is_admin)
    if as_json:
        show(made)
    else:
        click.echo(f"{made['username']} is there, {role(made)}; a key: scoreline keys add {made['username']} NAME")


@click.group(invoke_without_command=True)
@click.option("--user", "username", help="Whose; yours unless told.")
@as_json
@click.pass_context
def keys(context: click.Context, username: str | None, as_json: bool) -> None:
    """Lists keys, without what they open with.

    \b
    scoreline keys
    scoreline keys --user ada
    """
    if context.invoked_subcommand:
        return
    with Client() as client:
        found = client.keys(username)
    if as_json:
        show({"items": found})
    else:
        print_table(
            ("prefix", "name", "created", "last used", "revoked"),
            [
                (one["prefix"], one["name"], *(moment(one[at]) for at in ("created_at", "last_used_at", "revoked_at")))
                for one in found
            ],
        )


@keys.command("add")
@click.argument("username")
@click.argument("name")
@as_json
def add_key(username: str, name: str, as_json: bool) -> None:
    """Makes a key of a user and prints it, this once.

    \b
    scoreline keys add ada laptop
    """
    with Client() as client:
        made = client.add_key(username, name)
    if as_json:
        show(made)
    else:
        click.echo(made["key"])
        say(f"keep it now, nobody can show it again; to close it: scoreline keys revoke {made['prefix']}")


@keys.command()
@click.argument("prefix")
def revoke(prefix: str) -> None:
    """Closes a key, within a second and for good.

    \b
    scoreline keys revoke sk_12345678
    """
    if not re.fullmatch(r"sk_[0-9a-f]{8}", prefix):
        raise click.UsageError("give the prefix of the key, its first 11 characters; scoreline keys lists them")
    with Client() as client:
        user = client.revoke(prefix)
    click.echo(f"{prefix} of {user['username']} opens nothing any more")


def role(user: Answer) -> str:
    return "admin" if user["is_admin"] else "user"


def state(user: Answer) -> str:
    return "active" if user["is_active"] else "closed"


def moment(at: str | None) -> str:
    return at[:19].replace("T", " ") if at else ""
