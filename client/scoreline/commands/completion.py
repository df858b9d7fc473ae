"""`scoreline completion`, and the names that are completed."""

import click
from click.shell_completion import get_completion_class

from scoreline.answers import Answer
from scoreline.client import Client
from scoreline.commands.asking import at_once
from scoreline.errors import ScorelineError

SECONDS = 1  # somebody waits with a finger on the key
JOBS = 20
INSTALLED = {
    "bash": 'add to ~/.bashrc: eval "$(scoreline completion bash)"',
    "zsh": 'add to ~/.zshrc, behind compinit: eval "$(scoreline completion zsh)"',
    "fish": "run: scoreline completion fish > ~/.config/fish/completions/scoreline.fish",
}


@click.command()
@click.argument("shell", type=click.Choice(list(INSTALLED)))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Prints what completes commands, models and jobs in SHELL; its first line says how to have it in each.

    \b
    scoreline completion bash
    scoreline completion fish > ~/.config/fish/completions/scoreline.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 (the choice above)
    click.echo(f"# {INSTALLED[shell]}")
    click.echo(kind(context.find_root().command, {}, "scoreline", "_SCORELINE_COMPLETE").source())


def job_ids(_: click.Context, __: click.Parameter, begun: str) -> list[str]:
    """Of the latest jobs."""
    return [one["id"] for one in items("/jobs", limit=JOBS) if one["id"].startswith(begun)]


def model_refs(_: click.Context, __: click.Parameter, begun: str) -> list[str]:
    """`housing`, `housing@champion`, `housing:3`."""
    return [ref for one in items("/models") for ref in refs(one) if ref.startswith(begun)]


def model_names(_: click.Context, __: click.Parameter, begun: str) -> list[str]:
    return sorted({one["model"] for one in items("/models") if one["model"].startswith(begun)})


def refs(version: Answer) -> list[str]:
    return [version["ref"], *(f"{version['model']}@{alias}" for alias in version["aliases"])]


def items(path: str, **params: int) -> list[Answer]:
    """Nothing where nothing answers."""
    try:
        with Client() as client:
            found: list[Answer] = at_once(client, path, SECONDS, params=params)["items"]
    except ScorelineError:
        return []
    return found
