"""The command `scoreline`: what speaks HTTP is here; the operator's commands join through an entry point."""

import sys
from importlib.metadata import EntryPoint, entry_points

import click

from scoreline.commands.completion import completion
from scoreline.commands.console import console
from scoreline.commands.doctor import doctor
from scoreline.commands.jobs import cancel, jobs, results, retry
from scoreline.commands.models import models, promote
from scoreline.commands.predict import predict
from scoreline.commands.report import FAILED, UNREACHABLE, USAGE, say
from scoreline.commands.score import score
from scoreline.commands.users import keys, users
from scoreline.errors import ScorelineError, Unreachable, Unusable


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


# As wide as the longest line of the list of commands, where the terminal is.
WIDEST = 120


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": WIDEST})
@click.version_option(package_name="scoreline")
def scoreline() -> None:
    """Predictions that are never lost: submit records, follow jobs, run the service."""


OF_RECORDS = (predict, score, jobs, cancel, retry, results)
OF_SERVICE = (models, promote, users, keys, console, doctor, completion)
for command in (*OF_RECORDS, *OF_SERVICE):
    scoreline.add_command(command)


def main() -> None:
    """Runs the command; what the service or the network refuses is one line, not a trace."""
    try:
        scoreline()
    except ScorelineError as error:
        say(f"scoreline: {error}")
        if isinstance(error, Unreachable):
            say("start one with: scoreline up")
        sys.exit(exit_code_of(error))


def exit_code_of(error: ScorelineError) -> int:
    codes = {Unreachable: UNREACHABLE, Unusable: USAGE}
    return codes.get(type(error), FAILED)
