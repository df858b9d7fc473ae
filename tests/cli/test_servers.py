"""PostgreSQL and Valkey start, stop, come back with their data, and never outlive who started them."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2
import pytest
import redis

from cli import rootless
from cli.processes import command_line, wait_until
from cli.servers import Postgres, Server, ServerError, Valkey, free_port, servers

ROOT = Path(__file__).parents[2]
SYSTEM_PYTHON = f"/usr/bin/python3.{sys.version_info.minor}"
NOBODY = "65534"
only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
# A launcher that says where its servers are, and then waits to be killed.
LAUNCHER = """
import sys, signal
from pathlib import Path
from cli.servers import servers
with servers(Path(sys.argv[1])) as both:
    print(*(server.process.pid for server in both), flush=True)
    signal.pause()
"""


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Postgres, Valkey]]:
    with servers(tmp_path_factory.mktemp("servers")) as running:
        yield running


def answer(url: str, query: str) -> object:
    connection = psycopg2.connect(url)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchone()[0] if cursor.description else None
    finally:
        connection.close()


def launch(folder: Path, *prefix: str, python: str = sys.executable) -> tuple[subprocess.Popen[str], list[int]]:
    path = f"{ROOT}:{Path(psycopg2.__file__).parents[1]}"
    launcher = subprocess.Popen(
        [*prefix, python, "-c", LAUNCHER, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        cwd="/",
        env={**os.environ, "PYTHONPATH": path},
    )
    assert launcher.stdout is not None
    with launcher.stdout as said:
        return launcher, [int(word) for word in said.readline().split()]


def assert_dies_with_its_servers(launcher: subprocess.Popen[str], pids: list[int], folder: Path) -> None:
    assert len(pids) == 2, "the launcher did not start both servers"
    assert all(command_line(pid) for pid in pids)
    launcher.kill()
    launcher.wait()
    assert wait_until(lambda: not left_running(folder), seconds=5), left_running(folder)


def left_running(folder: Path) -> list[str]:
    """The processes that work in the folder or name it."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder) in os.readlink(entry / "cwd") or str(folder) in command_line(int(entry.name)):
                found.append(f"{entry.name} {command_line(int(entry.name))}")
        except OSError:
            continue
    return found


def test_postgres_is_18_and_takes_text_of_any_language(both: tuple[Postgres, Valkey]) -> None:
    assert str(answer(both[0].url, "SHOW server_version")).startswith("18.")
    assert answer(both[0].url, "SHOW server_encoding") == "UTF8"


def test_a_wrong_password_is_refused(both: tuple[Postgres, Valkey]) -> None:
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(both[0].url.replace(both[0].password, "wrong"))
    stranger = redis.Redis.from_url(both[1].url.replace(both[1].password, "wrong"))
    with stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()


def test_passwords_are_neither_arguments_nor_readable_files(both: tuple[Postgres, Valkey]) -> None:
    for server in both:
        assert server.password not in command_line(server.process.pid)
        assert (server.folder / "password").stat().st_mode & 0o077 == 0
        assert server.folder.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("end", [Server.stop, lambda server: server.process.kill()], ids=["stopped", "killed"])
def test_data_and_address_survive(both: tuple[Postgres, Valkey], end: Callable[[Server], None]) -> None:
    postgres, valkey = both
    addresses = postgres.url, valkey.url
    answer(postgres.url, "CREATE TABLE IF NOT EXISTS kept (word text)")
    answer(postgres.url, "INSERT INTO kept VALUES ('here')")
    with redis.Redis.from_url(valkey.url) as client:
        client.set("kept", "here")
    for server in both:
        end(server)
        server.process.wait(10)
        with pytest.raises((psycopg2.OperationalError, redis.ConnectionError)):
            answer(server.url, "SELECT 1") if server is postgres else redis.Redis.from_url(server.url).ping()
        server.start()
    assert (postgres.url, valkey.url) == addresses
    assert answer(postgres.url, "SELECT word FROM kept") == "here"
    with redis.Redis.from_url(valkey.url) as client:
        assert client.get("kept") == b"here"


def test_settings_reach_the_servers(tmp_path: Path) -> None:
    valkey = Valkey(tmp_path / "valkey", {"maxclients": "77"}, port=free_port())
    valkey.start()
    try:
        with redis.Redis.from_url(valkey.url) as client:
            assert client.config_get("maxclients") == {"maxclients": "77"}
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    finally:
        valkey.stop()


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match=r"postgres does not start in .*\n.*no_such_setting"):
        Postgres(tmp_path / "postgres", {"no_such_setting": "1"}).start()


def test_a_free_port_that_somebody_takes_first_is_no_obstacle(
    tmp_path: Path, both: tuple[Postgres, Valkey], monkeypatch: pytest.MonkeyPatch
) -> None:
    offered = iter([both[0].port, free_port()])
    monkeypatch.setattr("cli.servers.free_port", lambda: next(offered))
    valkey = Valkey(tmp_path / "valkey")
    valkey.start()
    valkey.stop()
    assert valkey.port != both[0].port


@pytest.mark.skipif(sys.platform != "linux", reason="macOS has no signal for the death of a parent")
def test_no_server_outlives_a_killed_launcher(tmp_path: Path) -> None:
    assert_dies_with_its_servers(*launch(tmp_path), tmp_path)


@only_root
def test_an_ordinary_user_may_run_them_too() -> None:
    if not shutil.which("setpriv") or not Path(SYSTEM_PYTHON).exists():
        pytest.skip(f"needs setpriv and {SYSTEM_PYTHON}, an interpreter that everybody can reach")
    folder = Path("/var/tmp") / f"scoreline-test-{os.getpid()}"
    folder.mkdir()
    os.chown(folder, int(NOBODY), int(NOBODY))
    become = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    try:
        assert_dies_with_its_servers(*launch(folder, *become, python=SYSTEM_PYTHON), folder)
    finally:
        shutil.rmtree(folder)


@only_root
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /proc")
def test_where_namespaces_are_refused_root_runs_it_as_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rootless, "way", lambda: "nobody")
    monkeypatch.setattr(rootless, "postgres_programs", rootless.postgres_programs.__wrapped__)
    tmp_path.chmod(0o700)  # nobody cannot come here by its path
    postgres = Postgres(tmp_path / "postgres")
    postgres.start()
    try:
        assert Path(f"/proc/{postgres.process.pid}").stat().st_uid == int(NOBODY)
        assert answer(postgres.url, "SELECT 1") == 1
    finally:
        postgres.stop()


def test_a_leftover_of_a_killed_launcher_is_ended_first(tmp_path: Path) -> None:
    left = Valkey(tmp_path / "valkey")
    left.start()
    again = Valkey(tmp_path / "valkey")
    again.start()
    try:
        assert left.process.wait(5) == 0
        assert again.is_ready(again.port or 0)
    finally:
        again.stop()


def test_a_pid_that_is_now_somebody_elses_is_left_alone(tmp_path: Path) -> None:
    valkey = Valkey(tmp_path / "valkey")
    valkey.folder.mkdir()
    with subprocess.Popen(["sleep", "60"]) as bystander:
        valkey.pid_file.write_text(f"{bystander.pid}\n")
        valkey.start()
        valkey.stop()
        assert bystander.poll() is None
        bystander.kill()
