"""What each process of this worker is at, in memory that all of them share with the main one.

One place a process and no lock, which a killed process could leave locked. The clock is one for all processes.
"""

import math
import mmap
import time

from billiard.process import current_process

MOST_PROCESSES = 1024

# Until when a process may go on with its claim, for ever while it isolates; 0 when it has none.
_until = memoryview(mmap.mmap(-1, 8 * MOST_PROCESSES)).cast("d")
_slots = memoryview(mmap.mmap(-1, 8)).cast("q")


def place() -> int:
    return int(getattr(current_process(), "index", 0)) % MOST_PROCESSES


def announce(count: int) -> None:
    """Tells all processes how many of them there are."""
    _slots[0] = count


def begin(seconds: float) -> None:
    """This process is at work, and hangs if it still is after so many seconds."""
    _until[place()] = time.monotonic() + seconds


def isolate() -> bool:
    """This process watches over another, which cannot hang for long; False if enough began at the same moment."""
    mine = place()
    _until[mine] = math.inf
    return isolating(mine) < most_isolating()


def end() -> None:
    _until[place()] = 0.0


def is_over() -> bool:
    """Whether this process has had its time."""
    return is_late(place())


def is_late(index: int) -> bool:
    return 0.0 < _until[index % MOST_PROCESSES] < time.monotonic()


def is_busy(index: int) -> bool:
    return _until[index % MOST_PROCESSES] > 0.0


def forget(index: int) -> None:
    """What a process was at that is no more."""
    _until[index % MOST_PROCESSES] = 0.0


def may_isolate() -> bool:
    return isolating(_slots[0]) < most_isolating()


def most_isolating() -> int:
    """One process stays free of it where there are two, since a record that hangs holds its process for a minute."""
    return max(1, _slots[0] - 1)


def isolating(below: int) -> int:
    """How many of the first processes do."""
    return sum(map(math.isinf, _until[:below]))
