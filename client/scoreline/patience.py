"""Asking again where an answer may still come."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from scoreline.errors import Refused, Unreachable

Answered = TypeVar("Answered")
DELAYS = (0.5, 1, 2, 4, 8, 16, 32)  # a minute: a restart of the service, or the storing of 10 million records
LONGEST_DELAY = 60
BUSY = (429, 502, 503, 504)
SOON = ("in_flight", "not_checked")


def patiently(ask: Callable[[], Answered]) -> Answered:
    """What `ask` returns; it is called again, each time later, while the connection breaks or the service is busy."""
    for delay in DELAYS:
        try:
            return ask()
        except (Refused, Unreachable) as error:
            asked_for = error.retry_after if isinstance(error, Refused) else 0
            if not may_pass(error) or asked_for > LONGEST_DELAY:
                raise
            # Not all clients at the same moment; S311 is about secrets.
            time.sleep(max(delay * random.uniform(0.5, 1), asked_for))  # noqa: S311
    return ask()


def may_pass(error: Refused | Unreachable) -> bool:
    return isinstance(error, Unreachable) or error.status in BUSY or error.code in SOON
