"""What may be loaded: the registered bytes, of a compatible maker, that say of the example what they are to say."""

import ast
import os
import pickle
import re
import signal
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn
from sklearn.linear_model import LinearRegression
from sqlalchemy import text

from shared import db, jobs, registry, users
from shared.jobs import NewJob
from shared.tables import Lane, Version
from tests import constants
from tests.conftest import HOUSE, ROOT, eventually
from worker import checking, gate, pace, store, tasks
from worker.gate import Unfit

MADE = sklearn.__version__
OTHER = "1.2.0"


class Trap:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


class Deadly:
    """Takes its process with it when it is used."""

    def predict(self, _: Any) -> Any:
        os.kill(os.getpid(), signal.SIGSEGV)


class OfOtherMaker(LinearRegression):
    """As scikit-learn of another minor pickles it."""

    def __reduce__(self) -> Any:
        return type_of, (), {**self.__dict__, "_sklearn_version": OTHER}


def type_of() -> LinearRegression:
    return LinearRegression()


def version(content: bytes, **more: Any) -> Version:
    return Version(
        model="housing", number=7, artifact="a.joblib", sha256=sha256(content).hexdigest(), **constants.told(), **more
    )


def test_what_passes_says_what_it_said_of_the_example() -> None:
    content = store.packed(constants.fitted(7))
    passed = gate.opened(version(content, example_output={"value": 7, "low": 7.0000001, "high": 7}), content)
    assert passed.example_output == {"value": 7, "low": 7, "high": 7}
    assert passed.size > 100


def test_one_byte_that_is_not_the_registered_one_is_never_unpickled(tmp_path: Path) -> None:
    content = pickle.dumps(Trap(tmp_path / "sprung"))
    with pytest.raises(Unfit, match=r"a.joblib is not the registered artefact"):
        gate.opened(version(store.packed(constants.fitted(7))), content)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("framework", [f"scikit-learn {OTHER}", "scikit-learn", "xgboost 1.9.0", "scikit-learn 1.90.1"])
def test_what_another_scikit_learn_made_is_never_unpickled(tmp_path: Path, framework: str) -> None:
    content = pickle.dumps(Trap(tmp_path / "sprung"))
    made = version(content)
    made.framework = framework
    with pytest.raises(Unfit, match=rf"made with {framework}, and this worker has scikit-learn {MADE}; train it again"):
        gate.opened(made, content)
    assert not (tmp_path / "sprung").exists()


UNPICKLES = re.compile(r"(pickle|joblib|dill|cloudpickle|marshal|shelve|yaml)\.(?!dumps?$).*|.*read_pickle|eval|exec")
MAY_UNPICKLE = {"worker/gate.py", "worker/elsewhere.py"}  # behind the digest, and what an operator names


def calls(tree: ast.AST) -> set[str]:
    called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return {name for name in called if UNPICKLES.fullmatch(name)}


def test_nothing_else_unpickles_or_runs_text() -> None:
    folders = ("api", "shared", "worker", "cli", "client/scoreline", "migrations", "data")
    sources = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    found = {path.relative_to(ROOT).as_posix(): calls(ast.parse(path.read_text())) for path in sources}
    assert {name for name, called in found.items() if called} == MAY_UNPICKLE
    assert set().union(*found.values()) == {"joblib.load"}


def test_another_patch_release_is_compatible() -> None:
    gate.check_framework(f"scikit-learn {'.'.join(gate.minor(MADE))}.99")


def test_what_its_pickle_says_of_its_maker_counts_too() -> None:
    content = store.packed(OfOtherMaker().fit([[0.0] * 8], [1]))
    with pytest.raises(Unfit, match=f"its pickle was made with scikit-learn {OTHER}"):
        gate.opened(version(content), content)


def test_another_output_for_the_example_is_another_model() -> None:
    content = store.packed(constants.fitted(7))
    with pytest.raises(Unfit, match=r'its example gives \{"value":7.0,"low":7.0,"high":7.0\}, and \{"value":8'):
        gate.opened(version(content, example_output={"value": 8, "low": 8, "high": 8}), content)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (1.0, 1, True),
        (1.0, 1 + 1e-7, True),
        (1.0, 1.001, False),
        (0, 1e-12, True),
        ({"label": "a", "probabilities": {"a": 0.5}}, {"label": "a", "probabilities": {"a": 0.5 + 1e-9}}, True),
        ({"label": "a"}, {"label": "b"}, False),
        ({"label": 1}, {"label": True}, False),
        ({"label": "a"}, {"label": "a", "distance": 1}, False),
        (None, None, True),
        (None, 0.0, False),
    ],
)
def test_what_is_the_same_output(one: Any, other: Any, same: bool) -> None:
    assert gate.is_same(one, other) is same


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"not a model", "cannot be loaded and score the example"),
        (store.packed({"no": "model"}), "has no attribute 'predict'"),
        (store.packed(constants.fitted(np.nan)), "gives no finite number for its example"),
        (store.packed(LinearRegression().fit([[1.0]], [1])), "features"),
    ],
)
def test_what_cannot_score_its_example_fails(content: bytes, why: str) -> None:
    with pytest.raises(Unfit, match=why):
        gate.opened(version(content), content)


def test_the_size_is_that_of_what_is_not_packed() -> None:
    passed = gate.opened(version(content := store.packed(wide(1_000_000))), content)
    assert 8_000_000 < passed.size < 8_010_000
    assert len(content) < 100_000


def wide(numbers: int) -> Any:
    made = constants.fitted(1)
    made.ballast_ = np.zeros(numbers)
    return made


def test_slices_of_a_slow_model_are_small() -> None:
    class Slow:
        def predict(self, matrix: Any) -> Any:
            end = time.process_time() + 0.004 * len(matrix)
            while time.process_time() < end:
                pass
            return matrix[:, 0]

    slow = gate.estimator_of(Slow(), "regression", constants.SIGNATURE, {})
    assert 15 <= pace.slice_records(slow, constants.SIGNATURE, HOUSE) <= 26
    quick = gate.estimator_of(constants.fitted(1), "regression", constants.SIGNATURE, {})
    assert pace.slice_records(quick, constants.SIGNATURE, HOUSE) == 10_000


def registered(**more: Any) -> int:
    """As `POST /models` registers it: unchecked."""
    fields = constants.body(5, **more)
    with db.transaction() as session:
        return registry.register(session, fields.pop("model"), **{"slice_records": 7, **fields}).id


def row(version_id: int) -> Version:
    with db.transaction() as session:
        return session.get_one(Version, version_id)


def test_a_check_notes_what_it_measured(database: str) -> None:
    made = registered(slice_records=200)
    checking.check_apart(made)
    found = row(made)
    assert (found.failure, found.slice_records) == (None, 200), "bounded by what was registered"
    assert found.checked_at is not None
    assert found.example_output == {"value": 5, "low": 5, "high": 5}
    before = found.checked_at
    checking.check(made)
    assert row(made).checked_at == before, "who was first says it for all"


def test_a_check_says_why_none_may_load_it(database: str) -> None:
    made = registered(framework=f"scikit-learn {OTHER}")
    checking.check(made)
    assert f"made with scikit-learn {OTHER}" in str(row(made).failure)
    assert row(made).checked_at is None


def test_a_model_that_takes_its_process_with_it_harms_nobody_else(database: str) -> None:
    content = store.packed(Deadly())
    store.write("deadly.joblib", content)
    made = registered(artifact="deadly.joblib", sha256=sha256(content).hexdigest())
    checking.check_apart(made)
    assert "ended its process by SIGSEGV" in str(row(made).failure)


def test_a_file_that_is_not_there_yet_is_no_failure(database: str) -> None:
    made = registered(artifact="later.joblib")
    checking.check_apart(made)
    assert (row(made).failure, row(made).checked_at) == (None, None)


def test_jobs_of_a_version_that_failed_fail_at_once_with_the_reason(database: str) -> None:
    made = registered(framework=f"scikit-learn {OTHER}")
    for _ in range(2):  # by the gate, and then by what it noted
        with db.transaction() as session:
            owner = users.create(session, f"{os.urandom(4).hex()}@example.org", os.urandom(4).hex()).id
            session.execute(text("UPDATE versions SET failure = NULL"))
            jobs.accept(session, [NewJob(jobs.new_id(), owner, made, [list(HOUSE.values())], {})])
            held = jobs.claim(session, Lane.SINGLE, "w", 10)
        [result] = tasks.results_of(Lane.SINGLE, held)
        assert result.errors[0]["code"] == "model_failed"
        assert f"housing:1 cannot be loaded: it was made with scikit-learn {OTHER}" in result.errors[0]["detail"]
        tasks.settle(Lane.SINGLE, held, [result])
    assert row(made).failure


def test_publishing_what_does_not_pass_leaves_nothing_behind(database: str) -> None:
    with pytest.raises(Unfit):
        constants.publish(0, content=constants.fitted(np.nan))
    with db.transaction() as session:
        assert not session.query(Version).count()
    assert not store.folder().exists()


def test_a_published_version_is_checked(database: str) -> None:
    made = row(constants.publish(3).id)
    assert made.example_output == {"value": 3, "low": 3, "high": 3}
    assert made.checked_at is not None
    assert made.slice_records == 10_000
    eventually(lambda: (store.folder() / made.artifact).exists())
