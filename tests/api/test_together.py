"""Requests that share a transaction share no fault."""

import asyncio
from collections.abc import Sequence

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DataError

from api.together import Together
from shared import db
from shared.errors import DatabaseAway


def squared(numbers: Sequence[str]) -> list[int]:
    """In one statement, which fails as a whole."""
    with db.transaction() as session:
        return [session.scalar(text("SELECT CAST(:it AS int) ^ 2"), {"it": number}) for number in numbers]


def test_a_database_that_is_away_is_asked_once_for_all() -> None:
    asked: list[Sequence[str]] = []

    def away(numbers: Sequence[str]) -> list[int]:
        asked.append(numbers)
        raise DatabaseAway("it does not answer")

    async def together() -> list[object]:
        calls = Together(away)
        try:
            return await asyncio.gather(*map(calls, ["1", "2", "3"]), return_exceptions=True)
        finally:
            calls.close()

    found = asyncio.run(together())
    assert [type(one) for one in found] == [DatabaseAway] * 3
    assert asked == [["1", "2", "3"]]


def test_what_the_database_refuses_fails_alone(database: str) -> None:
    async def together() -> list[object]:
        calls = Together(squared)
        try:
            return await asyncio.gather(*map(calls, ["1", "2", "x", "4"]), return_exceptions=True)
        finally:
            calls.close()

    *fine, last = (found := asyncio.run(together()))[:2], found[3]
    assert (fine[0], last) == ([1, 4], 16)
    with pytest.raises(DataError):
        raise found[2]  # type: ignore[misc]
