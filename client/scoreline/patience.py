"""Asking again where an answer may still come."""

import random
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from scoreline.errors import Refused, Unreachable

Answered = TypeVar("Answered")
# Two minutes at the most, one on average: a restart of the service, or the storing of 10 million records.
DELAYS: tuple[float, ...] = (0.5, 1, 2, 4, 8, 16, 32, 60)
LONGEST_DELAY = 60
BUSY = (429, 502, 503, 504)
SOON = ("in_flight", "not_checked")


class Sleeps(Protocol):
    async def sleep(self, seconds: float) -> None: ...


async def patiently(link: Sleeps, ask: Callable[[], Awaitable[Answered]], repeats: bool = True) -> Answered:
    """What `ask` returns; it is called again, each time later, while the connection breaks or the service is busy.

    Unless it `repeats` without harm, only where it is sure that the service has done nothing yet. Nobody waits for a
    service that has never answered: its address is wrong, or it was not started.
    """
    for delay in DELAYS:
        try:
            return await ask()
        except (Refused, Unreachable) as error:
            if not may_pass(error, repeats):
                raise
            await link.sleep(pause(error, delay))
    return await ask()


def pause(error: Refused | Unreachable, delay: float) -> float:
    """Full jitter, so that not all clients come at the same moment, behind the time that the service asked for."""
    asked_for = error.retry_after if isinstance(error, Refused) else 0
    return asked_for + random.uniform(0, delay)  # noqa: S311 (no secret)


def may_pass(error: Refused | Unreachable, repeats: bool = True) -> bool:
    if isinstance(error, Unreachable):
        return error.was_there and (repeats or not error.is_sent)
    return error.retry_after <= LONGEST_DELAY and (error.status in BUSY or error.code in SOON)
