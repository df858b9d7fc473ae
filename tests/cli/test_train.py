"""`scoreline train` and `scoreline register`, from a file to a version that scores."""

import json
from pathlib import Path

import joblib
import numpy as np
import pytest
from click.testing import CliRunner, Result
from sklearn.linear_model import LinearRegression

from cli.register import register
from cli.train import train
from shared import registry
from shared.db import transaction
from shared.tables import Version
from worker import gate, store

CHANCE = np.random.default_rng(0)


def run(*words: str) -> Result:
    command = {"train": train, "register": register}[words[0]]
    return CliRunner().invoke(command, words[1:])


def versions() -> list[tuple[Version, list[str]]]:
    with transaction() as session:
        return registry.catalogue(session)


@pytest.fixture
def customers(tmp_path: Path) -> Path:
    lines = ["customer_id,age,plan,left"]
    for number in range(300):
        age, plan = int(CHANCE.integers(18, 80)), "abc"[int(CHANCE.integers(3))]
        left = "yes" if (plan == "b") == (age > 40) else "no"
        lines.append(f"{number},{age},{plan},{left}")
    path = tmp_path / "customers.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_table_becomes_a_version_that_scores(database: str, customers: Path) -> None:
    first = run("train", "churn", "--data", str(customers), "--target", "left")
    assert first.exit_code == 0, first.output
    assert "left out   customer_id: is an id" in first.output
    assert first.output.endswith("registered as churn:1\n")
    second = run("train", "churn", "--data", str(customers), "--target", "left", "--alias", "champion")
    assert second.output.endswith("registered as churn:2, now churn@champion\n")
    (version, aliases), (_, none) = versions()
    assert (version.number, aliases, none) == (2, ["champion"], [])
    assert (version.task, version.signature["labels"]) == ("classification", ["no", "yes"])
    model = gate.opened(
        version, store.read(version.artifact, version.sha256)
    )  # not load, which remembers it by an id of this database
    scores = model.estimator.scores(model.signature.encode([[60.0, "b"], [60.0, "a"]]))
    assert [row[0] for row in model.estimator.rows(scores)] == ["yes", "no"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["churn", "--target", "lefd"], 'no column "lefd" in customers.csv; did you mean "left"?'),
        (["Churn", "--target", "left"], 'model "Churn" is no name'),
        (["churn", "--target", "left", "--alias", "a:b"], 'alias "a:b" is no name'),
        (["churn", "--target", "left", "--clusters", "3"], "a classification has no clusters"),
    ],
)
def test_what_cannot_be_trained_leaves_no_version(database: str, customers: Path, words: list[str], says: str) -> None:
    refused = run("train", words[0], "--data", str(customers), *words[1:])
    assert refused.exit_code == 1
    assert says in refused.output
    assert versions() == []


def test_a_name_without_a_table_is_a_usage_error(database: str) -> None:
    refused = run("train", "churn")
    assert refused.exit_code == 2
    assert '"churn" is to learn from: --data FILE --target COLUMN' in refused.output


def test_the_examples(database: str) -> None:
    for name in "iris", "neighbourhoods":
        done = run("train", name)
        assert done.exit_code == 0, done.output
    assert [(version.model, version.task) for version, _ in versions()] == [
        ("iris", "classification"),
        ("neighbourhoods", "clustering"),
    ]


def test_a_model_trained_elsewhere(database: str, tmp_path: Path) -> None:
    x = CHANCE.normal(size=(50, 1))
    joblib.dump(LinearRegression().fit(x, 3 * x[:, 0]), tmp_path / "line.joblib")
    files = ["--artifact", str(tmp_path / "line.joblib"), "--signature", str(tmp_path / "line.json")]
    (tmp_path / "line.json").write_text(json.dumps({"inputs": [{"name": "x", "type": "number"}]}))
    done = run("register", "line", *files)
    assert done.exit_code == 0, done.output
    assert done.output.startswith("registered as line:1: regression, scikit-learn")
    ((version, aliases),) = versions()
    assert aliases == ["champion"]
    assert gate.opened(version, store.read(version.artifact, version.sha256)).estimator.scores(np.array([[2.0]]))[
        0, 0
    ] == pytest.approx(6)
    (tmp_path / "line.json").write_text("{}")
    refused = run("register", "line", *files)
    assert refused.exit_code == 1
    assert "scoreline register: " in refused.output
    assert len(versions()) == 1
