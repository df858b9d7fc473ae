"""What the storm submits. Everything follows from a seed, so that the ledger need not keep it."""

import csv
import io
import json
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

from data.housing_sample import PATH as SAMPLE

TARGET = "median_house_value"
Record = dict[str, float | None]

# Incomes that nobody has: what the model `poisoned` does at them stands in tests/storm/models.py.
RAISES, KILLS, HANGS = 66.0, 77.0, 88.0
POISON = (RAISES, KILLS, HANGS)
DAWDLES = 100.0  # and for each more it takes a second
DAWDLING = "STORM_DAWDLING"  # names the file that is there once it does


@dataclass(frozen=True)
class Upload:
    """A file with its records, of which a bad one is None."""

    kind: str
    body: bytes
    records: list[Record | None]


@cache
def sample() -> list[Record]:
    with open(SAMPLE) as file:
        return [
            {name: float(value) if value else None for name, value in row.items() if name != TARGET}
            for row in csv.DictReader(file)
        ]


def record(seed: int, income: float | None = None) -> Record:
    """A house of the sample with another income, so that no two are alike."""
    chance = Random(seed)
    return {**chance.choice(sample()), "median_income": income or round(chance.uniform(0.5, 15), 4)}


def upload(seed: int, size: int, income: float | None = None) -> Upload:
    """CSV or NDJSON in which one record of a hundred is bad; or none is, and one has this income."""
    chance = Random(seed)
    houses: list[Any] = [record(chance.getrandbits(60)) for _ in range(size)]
    bad = set(chance.sample(range(1, size), size // 100)) if income is None else set()
    if income is not None:
        houses[place_of_mark(seed, size)]["median_income"] = income
    kind, write = chance.choice([("text/csv", as_csv), ("application/x-ndjson", as_ndjson)])
    return Upload(kind, write(houses, bad), [None if place in bad else house for place, house in enumerate(houses)])


def place_of_mark(seed: int, size: int) -> int:
    return Random(seed).randrange(size)


def as_csv(houses: list[Record], bad: set[int]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(houses[0])
    for place, house in enumerate(houses):
        writer.writerow(["much", *list(house.values())[1:]] if place in bad else house.values())
    return text.getvalue().encode()


def as_ndjson(houses: list[Record], bad: set[int]) -> bytes:
    lines = ({**house, "latitude": "north"} if place in bad else house for place, house in enumerate(houses))
    return "\n".join(map(json.dumps, lines)).encode()
