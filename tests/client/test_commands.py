"""The command line as a person uses it: the real program against the real service."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli.servers import free_port
from tests.client.conftest import run

House = dict[str, Any]


def test_predict_from_words(env: dict[str, str], house: House) -> None:
    done = run("predict", *[f"{name}={value}" for name, value in house.items()], env=env)
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)) == {"value", "low", "high"}


@pytest.mark.parametrize("words", [("-",), ("--json", "-"), ("-", "--model", "housing:1")])
def test_predict_from_the_input(env: dict[str, str], house: House, words: tuple[str, ...]) -> None:
    done = run("predict", *words, env=env, stdin=json.dumps(house))
    assert json.loads(done.stdout)["value"] > 0


def test_what_the_service_refuses_is_said_in_full(env: dict[str, str], house: House) -> None:
    del house["median_income"]
    done = run("predict", "-", env=env, stdin=json.dumps(house | {"median_incme": 8}))
    assert done.returncode == 1
    assert 'did you mean "median_income"?' in done.stderr
    assert '"median_income" is missing' in done.stderr


@pytest.mark.parametrize("words", [(), ("median_income",), ("a=1", "--json", "-"), ("--nonsense",)])
def test_wrong_use(env: dict[str, str], words: tuple[str, ...]) -> None:
    assert run("predict", *words, env=env).returncode == 2


def test_jobs(env: dict[str, str], http: httpx.Client, house: House) -> None:
    job = http.post("/predict", json=house, headers={"Prefer": "wait=20"}).json()
    assert json.loads(run("jobs", job["id"], env=env).stdout)["output"] == job["output"]
    assert [one["id"] for one in json.loads(run("jobs", "--json", env=env).stdout)["items"]] == [job["id"]]
    assert job["id"] in run("jobs", env=env).stdout
    unknown = run("jobs", "0199c1e8-0000-7000-8000-000000000000", env=env)
    assert (unknown.returncode, "there is no job" in unknown.stderr) == (1, True)


def test_doctor(env: dict[str, str]) -> None:
    well = run("doctor", env=env)
    assert well.returncode == 0
    assert [line.split()[:2] for line in well.stdout.splitlines()] == [
        [part, "ok"] for part in ("api", "key", "database", "redis", "workers", "models")
    ]
    refused = run("doctor", env=env | {"SCORELINE_API_KEY": "sk_wrong"})
    assert refused.returncode == 1
    assert "key       refused" in refused.stdout


def test_no_service(env: dict[str, str]) -> None:
    away = run("doctor", env=env | {"SCORELINE_URL": f"http://127.0.0.1:{free_port()}"})
    assert away.returncode == 4
    assert "does not answer" in away.stderr
    assert "scoreline up" in away.stderr


def test_the_local_service_is_found_from_a_folder_below(env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / ".scoreline").mkdir()
    (tmp_path / ".scoreline" / "local.env").write_text("".join(f"{name}={value}\n" for name, value in env.items()))
    below = tmp_path / "notebooks"
    below.mkdir()
    assert run("doctor", env={}, folder=below).returncode == 0
