"""`scoreline purge`: erases what nobody needs any more."""

import sys

import click
from scoreline.local import use_local_env


@click.command()
@click.option("--days", type=click.FloatRange(0), help="Keep what finished so many days ago; else RETENTION_DAYS.")
def purge(days: float | None) -> None:
    """Erases jobs that finished long ago, with their inputs and outputs. The service may go on meanwhile.

    \b
    scoreline purge --days 30
    """
    use_local_env()
    from shared.errors import ScorelineError
    from shared.settings import settings

    days = settings().retention_days or None if days is None else days
    if days is None:
        raise click.UsageError("say how many days to keep: --days N, or RETENTION_DAYS")
    total = 0
    try:
        while erased := batch(days):
            total += erased
    except ScorelineError as error:
        sys.exit(f"scoreline purge: {error.detail}; {total:,} jobs are erased, and nothing is lost by trying again")
    click.echo(f"erased {total:,} jobs that finished more than {days:g} days ago")


def batch(days: float) -> int:
    """In a transaction of its own, so that no claim waits for all of it."""
    from shared import jobs
    from shared.db import transaction

    with transaction() as session:
        return jobs.erase(session, days)
