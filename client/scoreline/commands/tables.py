"""Listings for people."""

from rich.console import Console
from rich.table import Table

WIDEST = 1000


def print_table(headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """A line for each row, never broken: what is too long for a terminal goes on at its next line."""
    made = Table(box=None, padding=(0, 1, 0, 0))
    for heading in headings:
        made.add_column(heading, no_wrap=True, overflow="ignore")
    for row in rows:
        made.add_row(*row)
    Console(width=WIDEST, markup=False, highlight=False).print(made, soft_wrap=True)
