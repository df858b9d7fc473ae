"""What the processes of a worker know of each other."""

from collections.abc import Iterator

import pytest

from worker import slots


@pytest.fixture(autouse=True)
def two() -> Iterator[None]:
    forget()
    slots.announce(2)
    yield
    forget()


def forget() -> None:
    """Also what tests of other files were at in this process."""
    for place in range(3):
        slots.forget(place)
    slots.announce(0)


def test_one_of_two_processes_stays_free_of_isolating(monkeypatch: pytest.MonkeyPatch) -> None:
    assert slots.may_isolate()
    monkeypatch.setattr(slots, "place", lambda: 1)
    assert slots.isolate()
    monkeypatch.setattr(slots, "place", lambda: 0)
    assert not slots.may_isolate()
    slots.forget(1)
    assert slots.may_isolate()


def test_of_two_that_begin_at_the_same_moment_one_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    went_on = []
    for place in 0, 1:
        monkeypatch.setattr(slots, "place", lambda place=place: place)
        went_on.append(slots.isolate())
    assert went_on == [True, False]


def test_who_has_had_his_time_is_late_and_who_isolates_never_is() -> None:
    slots.begin(1000)
    assert (slots.is_busy(0), slots.is_late(0)) == (True, False)
    slots.begin(-1)
    assert slots.is_late(0)
    assert slots.isolate()
    assert (slots.is_busy(0), slots.is_late(0)) == (True, False)
    slots.end()
    assert not slots.is_busy(0)
