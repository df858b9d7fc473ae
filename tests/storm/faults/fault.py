"""What a fault is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Any

from tests.storm.fleet import Fleet

RECOVERY_SECONDS = 15.0


class Part(StrEnum):
    """What a fault hurts. Two that hurt different parts can be thrown at once, in this order: the first ones look at
    the database before they begin."""

    WORKERS = "workers"
    API = "api"
    REDIS = "Redis"
    POSTGRES = "PostgreSQL"


Throw = Callable[[Fleet, Random], Iterator[None]]


@dataclass(frozen=True)
class Fault:
    """Begins, lasts for so many seconds, and ends where `throw` goes on after its `yield`."""

    name: str
    part: Part
    throw: Throw
    seconds: float = 0
    within: float = RECOVERY_SECONDS  # of its end everything must be as before
    orderly: bool = False  # nothing of it may count as a crash
    no_redis: bool = False  # the API must stay quick meanwhile
    harmless: bool = False  # nobody else may have to wait for it


class Skipped(Exception):
    """This machine does not allow the fault; the message says why."""


FAULTS: dict[str, Fault] = {}


def fault(name: str, part: Part, **more: Any) -> Callable[[Throw], Throw]:
    """Makes a fault of a function that begins it, yields, and ends it."""

    def note(throw: Throw) -> Throw:
        FAULTS[name] = Fault(name, part, throw, **more)
        return throw

    return note
