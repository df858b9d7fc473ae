"""Who a key belongs to, as one process remembers it."""

import asyncio
import time

import pytest
from sqlalchemy import text

from api import callers
from api.callers import Callers
from shared import db, keys, users


def new_key() -> str:
    with db.transaction() as session:
        return keys.issue(session, users.create(session, "a@example.org", "a").id, "laptop")


def last_use() -> object:
    with db.transaction() as session:
        return session.scalar(text("SELECT last_used_at FROM keys"))


def test_a_key_is_noted_as_used_and_not_at_each_request(database: str) -> None:
    secret = new_key()

    async def use() -> None:
        known = Callers()
        assert await known(secret)
        assert last_use() is None
        await known.note()

    asyncio.run(use())
    assert last_use() is not None


def test_a_revoked_key_is_believed_for_a_second_at_most(database: str) -> None:
    secret = new_key()

    async def revoked_for() -> float:
        known = Callers()
        assert await known(secret)
        with db.transaction() as session:
            session.execute(text("UPDATE keys SET revoked_at = now()"))
        began = time.monotonic()
        while await known(secret):
            await asyncio.sleep(0.01)
        return time.monotonic() - began

    assert asyncio.run(revoked_for()) <= callers.BELIEVED_SECONDS + 0.5


def test_a_key_that_is_believed_costs_little(database: str) -> None:
    """0.3 ms at the median is what it may cost; the database is asked once a second."""
    secret = new_key()

    async def times() -> list[float]:
        known, found = Callers(), []
        for _ in range(1001):
            began = time.perf_counter()
            await known(secret)
            found.append(time.perf_counter() - began)
        return sorted(found)

    assert asyncio.run(times())[500] < 0.0003


@pytest.mark.parametrize("secret", ["", "sk_", "sk_00000000_" + "A" * 43, "sk_\udcff", "Bearer", "x" * 100_000])
def test_what_is_no_key(database: str, secret: str) -> None:
    async def ask() -> object:
        return await Callers()(secret)

    assert asyncio.run(ask()) is None
