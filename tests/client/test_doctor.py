"""`scoreline doctor` names what is wrong, and what to do: an API alone, whose parts fall ill in turn."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg2
import pytest

from cli.servers import Postgres, Valkey, free_port
from tests.client.conftest import run
from tests.conftest import HOUSE, Service, copy_database, redis_url, serving_alone

Env = dict[str, str]


def test_all_is_well(env: Env) -> None:
    well = run("doctor", env=env)
    assert well.returncode == 0, well.stdout
    parts = ("api", "key", "database", "redis", "workers", "queue", "models")
    assert [line.split()[:2] for line in well.stdout.splitlines()] == [[part, "ok"] for part in parts]


def test_no_service(env: Env) -> None:
    nowhere = env | {"SCORELINE_URL": f"http://127.0.0.1:{free_port()}"}
    away = run("doctor", env=nowhere)
    assert away.returncode == 4
    assert "does not answer" in away.stdout
    assert "scoreline up" in away.stdout
    [(name, part)] = json.loads(run("doctor", "--json", env=nowhere).stdout).items()
    assert (name, part["status"]) == ("api", "away")


def test_a_key_that_is_refused(env: Env) -> None:
    assert ill(env | {"SCORELINE_API_KEY": "sk_wrong"}) == {"key": "refused", "queue": "unknown"}


@pytest.fixture(scope="module")
def alone(
    trained: tuple[str, Path], running: tuple[Postgres, Valkey], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """Of whose worker nothing is there."""
    url, folder = copy_database(trained[0]), tmp_path_factory.mktemp("alone")
    with serving_alone(url, redis_url(running[1], 8), trained[1], folder) as service:
        yield service


@pytest.fixture
def caller(alone: Service) -> Iterator[httpx.Client]:
    with alone.user() as client:
        yield client


def test_what_is_ill_and_what_to_do(alone: Service, caller: httpx.Client) -> None:
    env = {"SCORELINE_URL": alone.url, "SCORELINE_API_KEY": caller.headers["x-api-key"]}
    assert ill(env) == {"workers": "degraded"}
    assert "start one: scoreline up" in run("doctor", env=env).stdout
    caller.post("/predict", json=HOUSE)
    assert ill(env) == {"workers": "degraded"}
    with changed(alone, "slices", "available_at", "available_at - interval '2 min'", "available_at + interval '2 min'"):
        assert ill(env) == {"workers": "degraded", "queue": "stuck"}
    with changed(alone, "versions", "failure", "'its bytes are others'", "NULL"):
        assert ill(env) == {"workers": "degraded", "models": "degraded"}
        assert "housing:1: its bytes are others" in run("doctor", env=env).stdout
    with changed(alone, "alembic_version", "version_num", "'0' || version_num", "substr(version_num, 2)"):
        found = ill(env)
        assert found["database"] == "down"
        assert "scoreline setup" in run("doctor", env=env).stdout


@contextmanager
def changed(service: Service, table: str, column: str, value: str, back: str) -> Iterator[None]:
    link = psycopg2.connect(service.env["DATABASE_URL"])
    link.autocommit = True
    try:
        with link.cursor() as cursor:
            cursor.execute(f"UPDATE {table} SET {column} = {value}")
            yield
            cursor.execute(f"UPDATE {table} SET {column} = {back}")
    finally:
        link.close()


def ill(env: Env) -> dict[str, str]:
    """The parts that are not well, after each of which stands what to do."""
    done = run("doctor", "--json", env=env)
    assert done.returncode == 1, done.stderr
    found: dict[str, dict[str, Any]] = json.loads(done.stdout)
    named = {name: part for name, part in found.items() if part["status"] != "ok"}
    assert all(
        part["fix"] for part in named.values() if part["status"] != "unknown" and "not known" not in part["detail"]
    )
    return {name: part["status"] for name, part in named.items()}
