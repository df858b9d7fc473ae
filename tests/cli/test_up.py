"""`scoreline up`, as a user meets it: one command, one pasted curl, Ctrl-C."""

import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import psutil
import psycopg2
import pytest
import redis

from cli.processes import command_line, wait_until
from cli.servers import free_port
from cli.up import get, read_env

SCORELINE = Path(sys.executable).with_name("scoreline")
OURS = ("DATABASE_URL", "REDIS_URL", "MODELS_URL", "SCORELINE_URL", "SCORELINE_API_KEY")


class Launched:
    """A `scoreline up` in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self.flower_port = free_port(), free_port()
        self.environment = {name: value for name, value in os.environ.items() if name not in OURS}
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(self.command(), cwd=folder, env=self.environment, stdout=log, stderr=log)

    def command(self, *arguments: str) -> list[str]:
        ports = ("--port", str(self.port), "--flower-port", str(self.flower_port))
        return [str(SCORELINE), "up", "--workers", "1", *ports, *arguments]

    def again(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments), cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=20
        )

    @property
    def said(self) -> str:
        return self.log.read_text()

    @property
    def env(self) -> dict[str, str]:
        return read_env(self.folder / ".scoreline" / "local.env")

    def until_said(self, pattern: str, seconds: float = 60) -> str:
        """The line that matches."""

        def heard() -> bool:
            return self.process.poll() is not None or re.search(pattern, self.said, re.MULTILINE) is not None

        wait_until(heard, seconds)
        found = re.search(f"^.*{pattern}.*$", self.said, re.MULTILINE)
        assert found, f"nothing like {pattern!r} in:\n{self.said}"
        return found[0]

    def children(self) -> dict[int, str]:
        """All that runs because of it, also when it is gone itself: what has its state in the environment."""
        found = {}
        for entry in Path("/proc").glob("[0-9]*"):
            number = int(entry.name)
            if number != self.process.pid and (line := command_line(number)) and belongs(entry, self.folder):
                found[number] = line
        return found

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        wait_until(lambda: not self.children(), seconds=10)


def belongs(entry: Path, folder: Path) -> bool:
    try:
        return str(folder) in os.readlink(entry / "cwd")
    except OSError:
        return False


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("up")


@pytest.fixture(scope="module")
def launched(state: Path) -> Iterator[Launched]:
    running = Launched(state)
    try:
        running.until_said(r"up +\| ready")
        running.until_said("^curl")
        yield running
    finally:
        running.end()


def paste(launched: Launched) -> Any:
    line = launched.until_said("^curl")
    done = subprocess.run(line, shell=True, cwd=launched.folder, capture_output=True, check=True)
    return orjson.loads(done.stdout)


def ask(url: str, query: str) -> list[Any]:
    connection = psycopg2.connect(url)
    try:
        with connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchall()
    finally:
        connection.close()


def test_the_printed_curl_answers_with_a_price(launched: Launched) -> None:
    job = paste(launched)
    assert job["status"] == "succeeded"
    assert 10_000 < job["output"]["value"] < 1_000_000


def test_no_secret_is_printed_and_none_is_readable(launched: Launched) -> None:
    env = launched.env
    secrets = [env["SCORELINE_API_KEY"], env["FLOWER_BASIC_AUTH"].split(":")[1], env["DATABASE_URL"].split(":")[2]]
    arguments = "\n".join(launched.children().values())
    assert not [one for one in secrets if one in launched.said or one in arguments]
    assert stat.S_IMODE((launched.folder / ".scoreline" / "local.env").stat().st_mode) == 0o600


def test_local_env_is_complete(launched: Launched) -> None:
    assert set(launched.env) == {
        "SCORELINE_URL",
        "SCORELINE_API_KEY",
        "DATABASE_URL",
        "DATABASE_URL_READONLY",
        "REDIS_URL",
        "MODELS_URL",
        "FLOWER_URL",
        "FLOWER_BASIC_AUTH",
    }


def test_the_reader_reads_predictions_and_nothing_else(launched: Launched) -> None:
    paste(launched)
    url = launched.env["DATABASE_URL_READONLY"]
    assert ask(url, "SELECT count(*) > 0 FROM predictions") == [(True,)]
    for refused in "SELECT * FROM keys", "SELECT * FROM jobs", "DELETE FROM jobs", "CREATE TABLE mine ()":
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            ask(url, refused)


def test_flower_wants_its_password_and_knows_the_worker(launched: Launched) -> None:
    url, login = launched.env["FLOWER_URL"] + "/api/workers", launched.env["FLOWER_BASIC_AUTH"]
    stranger = subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", url], capture_output=True)
    assert stranger.stdout == b"401"
    known = subprocess.run(["curl", "-s", "-u", login, url], capture_output=True)
    assert len(orjson.loads(known.stdout)) == 1
    queue = get(launched.port, "/queue", f"Bearer {launched.env['SCORELINE_API_KEY']}")
    assert queue["flower"] == launched.env["FLOWER_URL"]


def test_flower_only_shows(launched: Launched) -> None:
    url, login = launched.env["FLOWER_URL"] + "/api/worker/shutdown/any", launched.env["FLOWER_BASIC_AUTH"]
    refused = subprocess.run(["curl", "-s", "-X", "POST", "-u", login, url], capture_output=True, text=True)
    assert "Read only mode is enabled" in refused.stdout


def test_flower_says_for_whom_a_task_came_and_what_it_scored(launched: Launched) -> None:
    job = paste(launched)
    url, login = launched.env["FLOWER_URL"] + "/api/tasks?limit=20", launched.env["FLOWER_BASIC_AUTH"]

    def about_it() -> list[Any]:
        shown = subprocess.run(["curl", "-s", "-u", login, url], capture_output=True)
        return [task for task in orjson.loads(shown.stdout).values() if job["id"] in str(task["result"])]

    assert wait_until(lambda: bool(about_it()), seconds=10)
    [task] = about_it()
    assert re.fullmatch(r"\('single', '(user \d+|next|relay)'\)", task["args"])
    assert re.fullmatch(rf"'records: 1, jobs: 1, seconds: \d+\.\d{{3}}; {job['id']}'", task["result"])


def test_each_line_names_its_part(launched: Launched) -> None:
    names = {line.partition("|")[0] for line in launched.said.splitlines() if not line.startswith("curl")}
    assert {"postgres", "worker  ", "api     ", "train   ", "up      "} <= names
    assert "\033" not in launched.said


def test_everything_listens_on_this_machine_only(launched: Launched) -> None:
    found = [one for number in launched.children() for one in psutil.Process(number).net_connections("tcp")]
    addresses = {one.laddr for one in found if one.status == psutil.CONN_LISTEN}
    assert {ip for ip, _ in addresses} == {"127.0.0.1"}
    assert len({port for _, port in addresses}) == 4


def test_the_servers_want_their_passwords(launched: Launched) -> None:
    database, redis_url = urlsplit(launched.env["DATABASE_URL"]), urlsplit(launched.env["REDIS_URL"])
    for password in ("", "wrong"):
        with pytest.raises(psycopg2.OperationalError):
            psycopg2.connect(host=database.hostname, port=database.port, user=database.username, password=password)
        link = redis.Redis(port=int(redis_url.port or 0), password=password or None)
        with link, pytest.raises(redis.AuthenticationError):
            link.ping()


def test_a_second_one_on_the_same_state_is_told_where_the_first_is(launched: Launched) -> None:
    second = launched.again()
    assert second.returncode == 1
    assert second.stderr == (
        f"Error: scoreline up is already running on this state (process {launched.process.pid}); "
        "its addresses are in .scoreline/local.env\n"
    )


@pytest.mark.parametrize("option", ["--port", "--flower-port"])
def test_a_taken_port_is_named_with_its_option(launched: Launched, option: str) -> None:
    taken = launched.port if option == "--port" else launched.flower_port
    free = {"--port": str(free_port()), "--flower-port": str(free_port()), option: str(taken)}
    refused = launched.again("--state", "other", *(word for pair in free.items() for word in pair))
    assert refused.returncode == 1
    assert refused.stderr == f"Error: port {taken} is taken; choose another with {option}\n"
    assert not (launched.folder / "other" / "postgres").exists()


def test_a_part_that_dies_is_started_again(launched: Launched) -> None:
    api = next(number for number, line in launched.children().items() if "uvicorn" in line)
    os.kill(api, signal.SIGKILL)
    launched.until_said("api was killed by SIGKILL; starting it again")
    assert wait_until(lambda: get(launched.port, "/health/ready") is not None, seconds=20), launched.said
    assert paste(launched)["status"] == "succeeded"


def test_ctrl_c_ends_everything_in_order_and_a_second_start_keeps_the_rest(launched: Launched) -> None:
    before, job = launched.env, paste(launched)
    launched.process.send_signal(signal.SIGINT)
    assert launched.process.wait(30) == 0, launched.said
    assert not launched.children()
    last = [
        launched.said.rindex(words) for words in ("Finished server", "Warm shutdown", "Valkey is now", "is shut down")
    ]
    assert last == sorted(last)

    again = Launched(launched.folder)
    try:
        again.until_said("^curl")
        kept = ("SCORELINE_API_KEY", "FLOWER_BASIC_AUTH", "MODELS_URL")
        assert [again.env[name] for name in kept] == [before[name] for name in kept]
        assert "train " not in again.said
        count = f"SELECT count(*) FROM predictions WHERE job = '{job['id']}'"
        assert ask(again.env["DATABASE_URL_READONLY"], count) == [(1,)]

        again.process.kill()
        again.process.wait()
        assert wait_until(lambda: not again.children(), seconds=5), again.children()
    finally:
        again.end()
