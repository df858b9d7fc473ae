"""Hints as they lie in Redis."""

from base64 import b64decode
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from shared import queue
from shared.queue import Hints
from shared.tables import Lane
from tests.conftest import eventually


@pytest.fixture
def empty(database: str) -> Iterator[None]:
    queue.redis().flushdb()
    yield
    queue.redis().flushdb()


def waiting(lane: Lane) -> list[dict[str, Any]]:
    return [orjson.loads(message) for message in queue.redis().lrange(lane, 0, -1)]


def arguments(message: dict[str, Any]) -> Any:
    """What the task is called with."""
    return orjson.loads(b64decode(message["body"]))[:2]


@pytest.mark.usefixtures("empty")
def test_flower_is_shown_the_cause_and_a_worker_of_any_release_can_take_the_hint() -> None:
    assert queue.top_up(Lane.BULK, "user 7", 3) == 3
    assert queue.top_up(Lane.BULK, "user 8", 3) == 0
    for message in waiting(Lane.BULK):
        assert message["headers"]["argsrepr"] == "('bulk', 'user 7')"
        assert arguments(message) == [["bulk"], {}]


@pytest.mark.usefixtures("empty")
def test_hints_that_go_together_name_the_last() -> None:
    hints = Hints()
    try:
        with hints.changed:
            hints.send(Lane.SINGLE, "user 1", requests=4)
            hints.send(Lane.BULK, "user 3", count=2)
            hints.send(Lane.SINGLE, "user 2")
        eventually(lambda: len(waiting(Lane.BULK)) == 2)
    finally:
        hints.close()
    assert [message["headers"]["argsrepr"] for message in waiting(Lane.SINGLE)] == ["('single', 'user 2 and 4 more')"]
    assert [message["headers"]["argsrepr"] for message in waiting(Lane.BULK)] == ["('bulk', 'user 3')"] * 2
