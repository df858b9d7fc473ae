"""Memory of processes: their proportional set size, which divides what they share among them, and their peaks."""

import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

PSS = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)
PEAK = re.compile(r"^VmHWM:\s+(\d+) kB", re.MULTILINE)
FORGET_PEAK = "5"  # as Linux has it in clear_refs


def megabytes(processes: Iterable[int]) -> float:
    """Of these processes and all that they started; 0 where the system does not tell."""
    return sum(kilobytes(process, "smaps_rollup", PSS) for process in family(processes)) / 1024


def family(processes: Iterable[int]) -> set[int]:
    """These processes and all that they started."""
    parents = all_parents()
    found = set(processes)
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def peak(process: int) -> float:
    """The most megabytes that it had resident at a time, since it was forgotten; 0 where the system does not tell."""
    return kilobytes(process, "status", PEAK) / 1024


def forget_peaks(processes: Iterable[int]) -> None:
    """From now on, the peaks are new ones."""
    for process in processes:
        with suppress(OSError):
            Path(f"/proc/{process}/clear_refs").write_text(FORGET_PEAK)


def all_parents() -> dict[int, int]:
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended
            found[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    return found


def kilobytes(process: int, file: str, pattern: re.Pattern[str]) -> int:
    with suppress(OSError):
        if match := pattern.search(Path(f"/proc/{process}/{file}").read_text()):
            return int(match[1])
    return 0
