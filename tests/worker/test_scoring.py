"""From claimed slices to results, with real pipelines."""

from hashlib import sha256
from typing import Any
from uuid import UUID

import numpy as np
import orjson
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression
from sqlalchemy import text

from shared import db, jobs, users
from shared.features import Number
from shared.jobs import Claimed, NewJob, Result
from shared.signature import OUTPUTS, Signature
from shared.tables import Lane, Version
from worker import models, scoring, store, tasks
from worker.estimators import estimator_of
from worker.models import CannotLoad, Model, Unfit

INTERVAL = {"level": 0.9, "half_width": 10.0, "minimum": 0.0}


def rows(result: Result) -> list[Any]:
    """The outputs as they will be stored."""
    found: list[Any] = orjson.loads(orjson.dumps(result.outputs))
    return found


def claimed(number: int, inputs: list[Any], errors: list[dict[str, Any]] | None = None) -> Claimed:
    return Claimed(number, UUID(int=number), 1, 1, 0, 0, len(inputs), inputs, errors)


class Moody:
    """A model that cannot stand 13, and has no number for 7."""

    def predict(self, matrix: Any) -> Any:
        if (matrix == 13).any():
            raise ValueError("thirteen")
        return np.where(matrix[:, 0] == 7, np.nan, matrix[:, 0])


def model(fitted: Any) -> Model:
    """A model of one number that gives a value with an interval."""
    signature = Signature(inputs=(Number(name="x", nullable=True),), outputs=OUTPUTS["regression"])
    return Model("m:1", signature, estimator_of(fitted, "regression", signature, {"interval": INTERVAL}))


MOODY = model(Moody())


def test_slices_are_scored_together_and_answered_apart() -> None:
    fitted = LinearRegression().fit([[0.0], [1.0]], [0.0, 100.0])
    one, two = scoring.score(model(fitted), [claimed(1, [[1.0]]), claimed(2, [[0.5], [2.0]])])
    assert np.allclose(np.array(rows(one), dtype=float), [[100, 90, 110]])
    assert np.allclose(np.array(rows(two), dtype=float), [[50, 40, 60], [200, 190, 210]])
    assert (one.id, two.id, one.errors, two.errors) == (1, 2, [], [])


def test_the_low_end_is_not_below_what_was_ever_seen() -> None:
    [result] = scoring.score(MOODY, [claimed(1, [[3.0], [-5.0]])])
    assert rows(result) == [[3, 0, 13], [-5, -5, 5]]


def test_only_the_record_to_blame_fails() -> None:
    inputs = [[float(number)] for number in range(100)]
    [result] = scoring.score(MOODY, [claimed(1, inputs)])
    assert [offset for offset, output in enumerate(rows(result)) if output is None] == [7, 13]
    assert {error["offset"]: error["code"] for error in result.errors} == {7: "no_output", 13: "model_error"}
    assert "thirteen" in next(error["detail"] for error in result.errors if error["offset"] == 13)


def test_records_that_were_refused_keep_their_error_and_their_place() -> None:
    refused = {"offset": 1, "code": "type", "detail": "no number"}
    [result] = scoring.score(MOODY, [claimed(1, [[1.0], None, [2.0]], [refused])])
    assert result.outputs == [[1, 0, 11], None, [2, 0, 12]]
    assert result.errors == [refused]


def test_missing_values_reach_the_model_as_nan() -> None:
    fitted = HistGradientBoostingRegressor(min_samples_leaf=1).fit([[np.nan], [1.0]] * 20, [7.0, 3.0] * 20)
    [result] = scoring.score(model(fitted), [claimed(1, [[None], [1]])])
    assert [round(value) for value, _, _ in rows(result)] == [7, 3]


def test_a_changed_artefact_is_not_loaded(trained_database: str) -> None:
    with db.transaction() as session:
        version = session.query(Version).one()
    assert models.load(version.id)
    models.forget()
    path = store.folder() / version.artifact
    content = bytearray(path.read_bytes())
    path.unlink()
    with pytest.raises(CannotLoad, match="is not in MODELS_URL"):
        models.load(version.id)
    content[1000] ^= 1
    path.write_bytes(content)
    with pytest.raises(Unfit, match="is not the registered artefact"):
        models.load(version.id)


def test_an_artefact_that_is_no_model_is_said_so(trained_database: str) -> None:
    content = b"not a model"
    with db.transaction() as session:
        version = session.query(Version).one()
        version.sha256 = sha256(content).hexdigest()
    (store.folder() / version.artifact).write_bytes(content)
    with pytest.raises(CannotLoad, match="housing:1 cannot be loaded"):
        models.load(version.id)


def test_a_version_that_cannot_be_loaded_fails_its_jobs_after_the_attempts(trained_database: str) -> None:
    with db.transaction() as session:
        version = session.query(Version).one()
        owner = users.create(session, "a@example.org", "a").id
        job = NewJob(jobs.new_id(), owner, version.id, [[1.0] * 8], {})
        jobs.accept(session, [job])
    (store.folder() / version.artifact).unlink()
    for attempt in range(1, 4):
        with db.transaction() as session:
            session.execute(text("UPDATE slices SET available_at = clock_timestamp()"))
            held = jobs.claim(session, Lane.SINGLE, "w", 10)
        assert held[0].attempt == attempt
        tasks.settle(Lane.SINGLE, held, tasks.results_of(Lane.SINGLE, held))
    with db.transaction() as session:
        row = session.execute(text("SELECT status, errors FROM slices")).one()
    assert row.status == "failed"
    assert row.errors[0]["code"] == "model_unavailable"


def test_a_record_that_keeps_killing_workers_fails(trained_database: str) -> None:
    with db.transaction() as session:
        version = session.query(Version).one().id
        owner = users.create(session, "a@example.org", "a").id
        jobs.accept(session, [NewJob(jobs.new_id(), owner, version, [[1.0] * 8], {})])
        session.execute(text("UPDATE slices SET crashes = 10"))
        held = jobs.claim(session, Lane.SINGLE, "w", 10)
    [result] = tasks.results_of(Lane.SINGLE, held)
    assert result.errors[0]["code"] == "killed_worker"
