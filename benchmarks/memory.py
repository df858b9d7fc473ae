"""Memory of processes as their proportional set size: what they share is divided among those that share it."""

import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

PSS = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)


def megabytes(processes: Iterable[int]) -> float:
    """Of these processes and all that they started; 0 where the system does not tell."""
    parents = all_parents()
    family = set(processes)
    while more := {child for child, parent in parents.items() if parent in family} - family:
        family |= more
    return sum(map(kilobytes, family)) / 1024


def all_parents() -> dict[int, int]:
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended
            found[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    return found


def kilobytes(process: int) -> int:
    with suppress(OSError):
        if match := PSS.search(Path(f"/proc/{process}/smaps_rollup").read_text()):
            return int(match[1])
    return 0
