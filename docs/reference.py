"""`make docs`: writes into cli.md what the commands say of themselves."""

from collections.abc import Iterator
from pathlib import Path

import click
from scoreline.commands import scoreline

PAGE = Path(__file__).with_name("cli.md")
BEGIN = "<!-- from here on written by make docs -->\n"
COLUMNS = 100


def commands(group: click.Group, words: str) -> Iterator[tuple[str, click.Command]]:
    """Each with all its words."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None  # noqa: S101 (it was listed)
        yield f"{words} {name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{words} {name}")


def section(words: str, command: click.Command) -> str:
    context = click.Context(command, info_name=words, terminal_width=COLUMNS, max_content_width=COLUMNS)
    return f"## {words}\n\n```text\n{command.get_help(context)}\n```\n"


def page() -> str:
    """The page as it should be: its head as it is, and the help of each command."""
    head = PAGE.read_text().partition(BEGIN)[0]
    return head + BEGIN + "\n" + "\n".join(section(*found) for found in commands(scoreline, "scoreline"))


if __name__ == "__main__":
    PAGE.write_text(page())
