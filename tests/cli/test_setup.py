"""`scoreline setup` makes an empty database ready, however many run at once."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
from sqlalchemy import make_url, select, text

from cli import env
from cli.servers import Postgres, Valkey
from shared import keys
from shared.db import transaction
from shared.tables import Key, Version
from tests.conftest import ROOT, environment, numbers

READER_PASSWORD = "5ec2e7"


@pytest.fixture
def empty(running: tuple[Postgres, Valkey], tmp_path: Path) -> Iterator[str]:
    """A database without a table, and this process set to it."""
    name, url = f"empty_{next(numbers)}", make_url(running[0].url)
    link = psycopg2.connect(url.set(database="postgres").render_as_string(hide_password=False))
    link.autocommit = True
    with link.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    link.close()
    address = url.set(database=name).render_as_string(hide_password=False)
    with environment(DATABASE_URL=address, MODELS_URL=str(tmp_path / "models")):
        yield address


def start(**values: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "scoreline.commands", "setup"]
    return subprocess.Popen(
        command, cwd=ROOT, env=os.environ | values, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def finish(started: subprocess.Popen[str]) -> str:
    said, _ = started.communicate(timeout=100)
    assert started.returncode == 0, said
    return said


def test_two_at_once_make_one_of_everything(empty: str) -> None:
    key = env.key()
    said = [finish(one) for one in [start(ADMIN_KEY_HASH=env.hashed(key)) for _ in range(2)]]
    assert sorted("registered as housing:1" in one for one in said) == [False, True]
    with transaction() as session:
        assert session.scalars(select(Version.number)).all() == [1]
        caller = keys.whose(session, key)
        assert caller is not None
        assert (caller.username, caller.is_admin) == ("admin", True)
        assert key[12:] not in str(session.execute(text("SELECT * FROM keys")).all())


def test_the_reader_reads_predictions_only(trained_database: str) -> None:
    finish(start(READER_PASSWORD=READER_PASSWORD))
    url = make_url(trained_database).set(username="scoreline_reader", password=READER_PASSWORD)
    link = psycopg2.connect(url.render_as_string(hide_password=False))
    link.autocommit = True
    with link.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM predictions")
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute("SELECT * FROM keys")
    link.close()


def test_again_it_keeps_what_is_there(trained_database: str) -> None:
    key = env.key()
    finish(start(ADMIN_KEY_HASH=env.hashed(key)))
    with transaction() as session:
        session.execute(text("UPDATE keys SET revoked_at = now()"))
    said = finish(start(ADMIN_KEY_HASH=env.hashed(key)))
    assert "registered" not in said
    with transaction() as session:
        assert keys.whose(session, key) is None, "a revoked key came back"
        assert session.scalars(select(Key.prefix)).all() == [key[:11]]


def test_what_cannot_be_is_said_in_a_line(trained_database: str) -> None:
    refused = start(ADMIN_KEY_HASH="secret")
    said, _ = refused.communicate(timeout=60)
    assert refused.returncode == 1
    assert said.splitlines()[-1].startswith("scoreline setup: a key's hash is its prefix, a colon")
    away = start(DATABASE_URL="postgresql://scoreline@127.0.0.1:1/scoreline")
    said, _ = away.communicate(timeout=60)
    assert away.returncode == 1
    assert said.splitlines()[-1] == "scoreline setup: the database does not answer; try again in a few seconds"
