"""A service with work done, waiting and under way is backed up while its API runs, and goes on elsewhere."""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import httpx
import psycopg2
import pytest
from click.testing import CliRunner
from sqlalchemy import make_url

from cli import dumps
from cli.backup import backup
from cli.restore import restore
from cli.servers import Postgres, Valkey
from cli.up import locked
from shared import db, jobs
from shared.tables import Lane, Table
from tests.conftest import HOUSE, Service, copy_database, environment, eventually, numbers, redis_url, serving

SCORELINE = Path(sys.executable).with_name("scoreline")
TABLES = sorted([*Table.metadata.tables, "alembic_version"])
# Has a restore fail when all rows are in.
LATE = (
    "CREATE SCHEMA elsewhere",
    """CREATE FUNCTION elsewhere.refuse() RETURNS event_trigger LANGUAGE plpgsql
    AS 'BEGIN RAISE $$no index here$$; END'""",
    "CREATE EVENT TRIGGER late ON ddl_command_start WHEN TAG IN ('CREATE INDEX') EXECUTE FUNCTION elsewhere.refuse()",
)
FORMATS = ("csv", "ndjson", "parquet", "json")


@dataclass
class Backed:
    """What there was when the backup was made."""

    file: Path
    url: str
    models: Path
    key: str
    tables: dict[str, list[Any]]
    finished: list[str]
    files: dict[tuple[str, str], bytes]
    waiting: list[str]


def command(*words: str | Path, url: str, models: Path) -> str:
    """What the real command says, once it has done what it was to do."""
    env = os.environ | {"DATABASE_URL": url, "MODELS_URL": str(models)}
    return subprocess.run(
        [SCORELINE, *words], env=env, stdout=subprocess.PIPE, text=True, timeout=60, check=True
    ).stdout


def said(call: click.Command, *words: str | Path, url: str, models: Path) -> tuple[int, str]:
    """The same in this process, which is quicker: exit code and words."""
    with environment(DATABASE_URL=url, MODELS_URL=str(models)):
        done = CliRunner().invoke(call, [str(word) for word in words])
    return done.exit_code, done.output


def rows(url: str) -> dict[str, list[Any]]:
    """All of every table, as text."""
    link = psycopg2.connect(url)
    with link, link.cursor() as cursor:
        found = {}
        for table in TABLES:
            cursor.execute(f"SELECT t::text FROM {table} AS t ORDER BY 1")
            found[table] = cursor.fetchall()
    link.close()
    return found


def execute(url: str, *statements: str) -> None:
    link = psycopg2.connect(url)
    link.autocommit = True
    with link.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    link.close()


def empty_database(beside: str) -> str:
    url = make_url(beside)
    name = f"empty_{next(numbers)}"
    execute(beside, f"CREATE DATABASE {name}")
    return url.set(database=name).render_as_string(hide_password=False)


def files_of(http: httpx.Client, finished: list[str]) -> dict[tuple[str, str], bytes]:
    return {
        (job, form): http.get(f"/jobs/{job}/results?format={form}&include=inputs").content
        for job in finished
        for form in FORMATS
    }


def end(service: Service) -> None:
    """At once: an orderly stop takes two seconds, and is tested elsewhere."""
    for name in list(service.processes):
        service.stop(name, signal.SIGKILL)


def bulk() -> bytes:
    lines = [[*HOUSE.values(), number] for number in range(400)]
    lines[7][1] = "far"
    lines[300] = lines[300][:3]
    return "\n".join(",".join(map(str, line)) for line in [[*HOUSE, "id"], *lines]).encode()


def submit(http: httpx.Client, number: int = 41, **headers: str) -> str:
    return str(http.post("/predict", json={**HOUSE, "housing_median_age": number}, headers=headers).json()["id"])


@pytest.fixture(scope="module")
def backed(
    trained: tuple[str, Path], running: tuple[Postgres, Valkey], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Backed]:
    folder = tmp_path_factory.mktemp("backed")
    url, models = copy_database(trained[0]), shutil.copytree(trained[1], folder / "models")
    with serving(url, redis_url(running[1], 3), models, folder) as service, service.user("ada") as http:
        finished = [submit(http, age, Prefer="wait=20") for age in (1, 2, 3)]
        job = http.post("/jobs?name=houses", content=bulk(), headers={"Content-Type": "text/csv"}).json()["id"]
        assert http.get(f"/jobs/{job}?wait=20").json()["records"] == {"total": 400, "succeeded": 398, "failed": 2}
        finished.append(job)
        service.stop("worker")
        with environment(**service.env):
            waiting = [submit(http, 4), submit(http, 5)]
            with db.transaction() as session:
                held = jobs.claim(session, Lane.SINGLE, "gone", 1)
            waiting.append(submit(http, 6, **{"Idempotency-Key": "once"}))
        assert len(held) == 2
        assert "the database and 1 artefacts" in command("backup", folder / "backup.tar", url=url, models=models)
        key = http.headers["X-API-Key"]
        yield Backed(folder / "backup.tar", url, models, key, rows(url), finished, files_of(http, finished), waiting)
        end(service)


def test_a_restored_service_has_everything_and_goes_on(
    backed: Backed, running: tuple[Postgres, Valkey], tmp_path: Path
) -> None:
    url, models = empty_database(backed.url), tmp_path / "models"
    assert "1 versions, 7 jobs, 406 records" in command("restore", backed.file, url=url, models=models)
    assert rows(url) == backed.tables
    assert {path.name: path.read_bytes() for path in models.iterdir()} == {
        path.name: path.read_bytes() for path in backed.models.iterdir()
    }
    with (
        serving(url, redis_url(running[1], 4), models, tmp_path, LEASE_SECONDS="0.5", RELAY_SECONDS="0.2") as service,
        httpx.Client(base_url=service.url, headers={"X-API-Key": backed.key}, timeout=30) as http,
    ):
        assert files_of(http, backed.finished) == backed.files
        assert submit(http, 6, **{"Idempotency-Key": "once"}) == backed.waiting[2]
        for job in backed.waiting:  # two of them were under way in a worker that is gone
            eventually(lambda job=job: http.get(f"/jobs/{job}").json()["status"] == "succeeded")
        first, again = (
            http.get(f"/jobs/{job}").json() for job in (backed.finished[0], submit(http, 1, Prefer="wait=9"))
        )
        assert first["output"] == again["output"]
        end(service)


def test_the_file_is_its_owners_and_names_what_it_holds(backed: Backed) -> None:
    assert stat.S_IMODE(backed.file.stat().st_mode) == 0o600
    with tarfile.open(backed.file) as tar:
        manifest = json.load(tar.extractfile("manifest.json"))  # type: ignore[arg-type]
        assert set(tar.getnames()) == {"manifest.json", "database.dump"} | {
            f"models/{digest}" for digest in manifest["artefacts"].values()
        }
    assert list(manifest["artefacts"]) == [path.name for path in backed.models.iterdir()]


def test_what_is_there_is_replaced_only_when_told(backed: Backed, template: str, tmp_path: Path) -> None:
    url, models = copy_database(template), tmp_path / "models"
    models.mkdir()
    before = rows(url)
    [artefact] = backed.models.iterdir()
    (models / artefact.name).write_bytes(b"another")
    code, why = said(restore, backed.file, url=url, models=models)
    assert (code, "the database is not empty; --replace" in why) == (1, True)
    assert rows(url) == before
    code, why = said(restore, backed.file, url=empty_database(url), models=models)
    assert (code, f"{artefact.name} is another one than in the backup" in why) == (1, True)
    assert said(restore, "--replace", backed.file, url=url, models=models)[0] == 0
    assert rows(url) == backed.tables
    assert (models / artefact.name).read_bytes() == artefact.read_bytes()


def test_a_service_that_runs_is_not_pulled_from_under(backed: Backed) -> None:
    code, why = said(restore, "--replace", backed.file, url=backed.url, models=backed.models)
    assert (code, "stop its API and its workers first" in why) == (1, True)
    assert rows(backed.url) == backed.tables


def test_a_damaged_file_changes_nothing(backed: Backed, tmp_path: Path) -> None:
    url, models = empty_database(backed.url), tmp_path / "models"
    content = bytearray(backed.file.read_bytes())
    content[len(content) // 2] ^= 1
    for name, damaged in ("bit", content), ("half", content[: len(content) // 2]), ("none", b""), ("text", b"x" * 9999):
        (tmp_path / name).write_bytes(damaged)
        code, why = said(restore, tmp_path / name, url=url, models=models)
        assert (code, f"{name} is no backup, or is damaged" in why) == (1, True)
    assert said(backup, tmp_path / "none", url=url, models=models)[0] == 1, "there is nothing to be backed up"
    assert not models.exists()


def test_a_backup_that_lacks_something_is_none(backed: Backed, tmp_path: Path) -> None:
    last = tmp_path / "backup.tar"
    last.write_text("last night's")
    code, why = said(backup, last, url=backed.url, models=tmp_path)
    assert (code, "housing:1 needs housing-" in why) == (1, True)
    code, why = said(backup, last, url=half_blind(backed.url), models=backed.models)
    assert (code, "permission denied for table" in why) == (1, True)
    assert (last.read_text(), list(tmp_path.iterdir())) == ("last night's", [last])


def half_blind(url: str) -> str:
    """The same database for somebody who may read all that is looked at before the dump."""
    execute(
        url,
        "CREATE ROLE blind LOGIN PASSWORD 'blind'",
        "GRANT SELECT ON alembic_version, versions TO blind",
    )
    return make_url(url).set(username="blind", password="blind").render_as_string(hide_password=False)


def test_a_restore_that_fails_half_way_changes_nothing(backed: Backed, template: str, tmp_path: Path) -> None:
    url = copy_database(template)
    before = rows(url)
    (tmp_path / "file").touch()
    code, why = said(restore, "--replace", backed.file, url=url, models=tmp_path / "file" / "models")
    assert (code, "Not a directory" in why) == (1, True)
    execute(url, *LATE)
    code, why = said(restore, "--replace", backed.file, url=url, models=tmp_path / "models")
    assert (code, "no index here" in why) == (1, True)
    assert rows(url) == before
    assert not (tmp_path / "models").exists()


def test_without_an_address_it_is_what_up_will_start_with(
    backed: Backed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "DATABASE_URL", "MODELS_URL":
        monkeypatch.setenv(name, "")  # so that what the command sets does not stay
        monkeypatch.delenv(name)
    state = tmp_path / "state"
    with environment():
        done = CliRunner().invoke(restore, [str(backed.file), "--state", str(state)])
    assert done.exit_code == 0, done.output
    server = Postgres(state / "postgres")
    server.start()
    try:
        assert rows(server.url) == backed.tables
    finally:
        server.stop()
    assert [path.name for path in (state / "models").iterdir()] == [path.name for path in backed.models.iterdir()]
    monkeypatch.delenv("DATABASE_URL")
    with environment(), locked(state):
        refused = CliRunner().invoke(restore, [str(backed.file), "--state", str(state)])
    assert "already running on this state" in refused.output


def test_no_password_among_the_arguments(backed: Backed) -> None:
    with environment(DATABASE_URL=backed.url), db.make_engine(0).connect() as connection:
        by = dumps.programs(connection)
    password = str(make_url(backed.url).password)
    assert password not in by.dsn
    assert by.environment["PGPASSWORD"] == password


def test_the_programs_are_those_that_know_the_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert dumps.major_of(dumps.folder_for(15, encrypted=False)) == 16
    assert dumps.major_of(dumps.folder_for(17, encrypted=False)) == 18
    (tmp_path / "pg_dump").write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 19.1 (Debian 19.1-1)'\n")
    (tmp_path / "pg_dump").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert dumps.folder_for(19, encrypted=False) == tmp_path
    assert dumps.folder_for(15, encrypted=True) == tmp_path
    with pytest.raises(dumps.DumpError, match="pg_dump of PostgreSQL 20 or newer is needed; that here is of 19"):
        dumps.folder_for(20, encrypted=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(dumps.DumpError, match="none on the PATH, and that of the wheel cannot speak TLS"):
        dumps.folder_for(18, encrypted=True)
