"""Records that kill or hang whoever scores them are found, and only they fail."""

import threading
from typing import Any

import numpy as np
import pytest

from shared import db, jobs, users
from shared.tables import Lane
from tests.worker import poison
from tests.worker.poison import HANGS, HOLDS, KILLS, LEAVES, RAISES
from worker import isolation, store, tasks
from worker.isolation import Isolation


def scored(rows: Any) -> list[Any]:
    return [[value, value, value] for value in poison.Poisoned().predict(rows).tolist()]


def test_a_slice_that_crashed_for_other_reasons_just_succeeds() -> None:
    rows = [[float(number)] for number in range(300)]
    assert Isolation(scored, 10_000).outcomes(rows) == [row * 3 for row in rows]


def test_what_hangs_or_leaves_is_found_in_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "FLOOR_SECONDS", 0.3)
    rows = [[float(number)] for number in range(12)]
    rows[2], rows[7], rows[8] = [HANGS], [LEAVES], [HOLDS]
    isolated = Isolation(scored, 10_000)
    found = isolated.outcomes(rows)
    assert isolated.deaths < 14
    problems = {number: one for number, one in enumerate(found) if isinstance(one, dict)}
    assert {number: one["code"] for number, one in problems.items()} == {
        2: "timed_out",
        7: "killed_worker",
        8: "timed_out",
    }
    assert "took longer than" in problems[2]["detail"]
    assert "exit code" in problems[7]["detail"]
    assert found[9] == [9.0] * 3


def test_a_model_that_dies_of_everything_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "MOST_DEATHS", 5)
    found = Isolation(scored, 10_000).outcomes([[KILLS]] * 50)
    assert len(found) == 50
    assert {one["code"] for one in found if isinstance(one, dict)} == {"killed_worker"}
    assert "5 processes died" in str(found[-1])


def test_a_slow_model_is_not_taken_to_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its pace is learnt: 30 ms a record, where 10 us were measured once."""
    monkeypatch.setattr(isolation, "FLOOR_SECONDS", 0.5)

    def slowly(rows: Any) -> list[Any]:
        threading.Event().wait(0.03 * len(rows))
        return scored(rows)

    assert not any(isinstance(one, dict) for one in Isolation(slowly, 10_000).outcomes([[1.0]] * 50))


def test_exactly_the_killing_record_of_ten_thousand_fails(database: str) -> None:
    rows = [[float(number)] for number in range(10_000)]
    rows[1234], rows[7777] = [KILLS], [RAISES]
    with db.transaction() as session:
        owner = users.create(session, "a@example.org", "a").id
        poison.store_bulk(session, owner, poison.register(session), rows, crashes=1)
        held = jobs.claim(session, Lane.BULK, "w", 60)
    [result] = tasks.results_of(Lane.BULK, held)
    assert [error["offset"] for error in result.errors] == [1234, 7777]
    killed, raised = result.errors
    assert killed["code"] == "killed_worker"
    assert "SIGKILL, as the system does when memory is short" in killed["detail"]
    assert "retry the job" in killed["detail"]
    assert raised["code"] == "model_error"
    with db.transaction() as session:
        [changed] = jobs.finish(session, [result])
    assert (changed.status, changed.succeeded, changed.failed) == ("succeeded", 9998, 2)
    assert isinstance(result.outputs, list)
    values = np.array([output[0] for output in result.outputs if output])
    assert values.tolist() == [row[0] for row in rows if row[0] >= 0]


def test_a_model_that_cannot_be_loaded_apart_says_so(database: str) -> None:
    with db.transaction() as session:
        owner = users.create(session, "a@example.org", "a").id
        poison.store_bulk(session, owner, poison.register(session), [[1.0]], crashes=1)
        held = jobs.claim(session, Lane.BULK, "w", 60)
    for artifact in store.folder().iterdir():
        artifact.unlink()
    with pytest.raises(isolation.CannotIsolate, match="is not in MODELS_URL") as caught:
        isolation.score(held)
    assert caught.value.code == "model_unavailable"
