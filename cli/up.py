"""`scoreline up`: the whole service on this machine, in the foreground."""

import fcntl
import json
import os
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from subprocess import PIPE
from typing import Any
from urllib.parse import urlsplit

import click
from scoreline.local import read_env

from cli.processes import Log, Part, ends_with_launcher, how, kill, wait_until
from cli.servers import HOST, Postgres, Server, ServerError, Valkey, write_secret

READY_SECONDS = 180
STOP_ORDER = ("api", "worker", "flower")  # no new work, then no work, and who watches it last
CURL = """\
curl -s -X POST {url}/predict -H "Authorization: Bearer $(sed -n 's/^SCORELINE_API_KEY=//p' {file})" \
-H 'Prefer: wait=10' -H 'Content-Type: application/json' -d '{example}'"""


@click.command()
@click.option("--port", default=8000, show_default=True, help="Where the API and the console answer.")
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1), help="Processes that score.")
@click.option("--flower-port", default=5555, show_default=True, help="Where Flower answers.")
@click.option("--state", default=".scoreline", show_default=True, type=click.Path(path_type=Path), help="Its folder.")
def up(port: int, workers: int, flower_port: int, state: Path) -> None:
    """Runs everything on this machine, in the foreground; Ctrl-C stops it in order.

    \b
    scoreline up
    scoreline up --port 8080 --workers 4
    """
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locked(state):
        for number, option in (port, "--port"), (flower_port, "--flower-port"):
            if not wait_until(lambda number=number: is_free(number), seconds=2):  # type: ignore[misc]
                raise click.ClickException(f"port {number} is taken; choose another with {option}")
        sys.exit(Service(state, port, workers, flower_port).run())


@contextmanager
def locked(state: Path) -> Iterator[None]:
    """Keeps a second launcher out; the system frees the lock however the first one ends."""
    with open(state / "lock", "a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise click.ClickException(
                f"scoreline up is already running on this state (process {file.read().strip()}); "
                f"its addresses are in {state / 'local.env'}"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def get(port: int, path: str, authorization: str = "") -> Any:
    """The JSON of a 200; None for anything else."""
    connection = HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", path, headers={"Authorization": authorization})
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()
    return json.loads(body) if answer.status == 200 else None


class Stopped(Exception):
    """Ctrl-C, or SIGTERM."""


class Service:
    """The order of things: servers, database, then worker, API and the first model at once."""

    def __init__(self, state: Path, port: int, workers: int, flower_port: int) -> None:
        self.state, self.port, self.workers, self.flower_port = state.absolute(), port, workers, flower_port
        self.env_file = state / "local.env"
        self.kept = read_env(self.env_file) if self.env_file.exists() else {}
        self.log = Log(sys.stdout.buffer)
        self.servers: list[Server] = []
        self.parts: dict[str, Part] = {}
        self.flower_login = self.kept.get("FLOWER_BASIC_AUTH") or f"scoreline:{secrets.token_urlsafe(16)}"
        self.training: subprocess.Popen[bytes] | None = None
        self.errands: list[subprocess.Popen[bytes]] = []
        self.asked_to_stop = False

    def run(self) -> int:
        """The exit code: 0 after an orderly stop that was asked for."""
        for number in signal.SIGINT, signal.SIGTERM:
            signal.signal(number, self.on_signal)
        try:
            self.start()
            self.announce()
            while True:
                self.watch()
                time.sleep(0.1)
        except Stopped:
            return 0
        except ServerError as error:
            self.log.say(str(error))
            return 1
        finally:
            self.stop()

    def on_signal(self, *_: object) -> None:
        """Raises nothing: Python may be anywhere, also where it would swallow that."""
        if self.asked_to_stop:
            self.hasten()
        self.asked_to_stop = True

    def check(self) -> None:
        if self.asked_to_stop:
            raise Stopped

    def start(self) -> None:
        addresses = {
            "DATABASE_URL": os.environ.get("DATABASE_URL") or self.serve(Postgres, "postgres"),
            "REDIS_URL": os.environ.get("REDIS_URL") or self.serve(Valkey, "valkey"),
            "MODELS_URL": os.environ.get("MODELS_URL") or str(self.state / "models"),
        }
        # One core a process: with two threads each, training beside the start of the others took 7 s instead of 1.
        flower = {"FLOWER_URL": f"http://{HOST}:{self.flower_port}"}
        environment = {**os.environ, **addresses, **flower, "OMP_NUM_THREADS": "1"}
        self.start_flower(environment)  # it needs no database, and there are two cores
        has_model = self.prepare(addresses, environment)
        self.start_worker(environment)
        self.start_api(environment)
        if not has_model:
            self.training = self.run_errand("train", ["scoreline.commands", "train", "housing"], environment)

    def serve(self, kind: type[Server], name: str) -> str:
        server = kind(self.state / name, output=self.log.pipe(name), check=self.check)
        self.servers.append(server)
        server.start()
        return server.url

    def prepare(self, addresses: dict[str, str], environment: dict[str, str]) -> bool:
        """Migrates, writes local.env, and says whether there is a model."""
        reader_password = urlsplit(self.kept.get("DATABASE_URL_READONLY", "")).password or secrets.token_urlsafe(24)
        wanted = {"key": self.kept.get("SCORELINE_API_KEY", ""), "reader_password": reader_password}
        # In the environment, which others cannot read, and not among the arguments, which they can.
        errand = self.run_errand("prepare", ["cli.prepare"], {**environment, "WANTED": json.dumps(wanted)}, PIPE)
        answer = self.answer(errand)
        if errand.returncode:
            raise ServerError(f"preparing the database {how(errand.returncode)}; its last lines above say why")
        found = json.loads(answer)
        self.write_env(addresses, found["key"], reader_password if found["may_read"] else "")
        return bool(found["has_model"])

    def write_env(self, addresses: dict[str, str], key: str, reader_password: str) -> None:
        """What command line, client and notebooks find by themselves."""
        self.addresses = {
            "SCORELINE_URL": f"http://{HOST}:{self.port}",
            "SCORELINE_API_KEY": key,
            **addresses,
            "FLOWER_URL": f"http://{HOST}:{self.flower_port}",
            "FLOWER_BASIC_AUTH": self.flower_login,
        }
        if reader_password:
            self.addresses["DATABASE_URL_READONLY"] = as_reader(addresses["DATABASE_URL"], reader_password)
        write_secret(self.env_file, "".join(f"{name}={value}\n" for name, value in self.addresses.items()))

    def start_flower(self, environment: dict[str, str]) -> None:
        """Without our application, which would cost it 100 MB; no secret among its arguments; only to look at."""
        shows = {"FLOWER_READ_ONLY": "true", "FLOWER_TASKS_COLUMNS": "name,state,args,result,received,runtime,worker"}
        secret = {"CELERY_BROKER_URL": environment["REDIS_URL"], "FLOWER_BASIC_AUTH": self.flower_login}
        command = ["celery", "flower", f"--address={HOST}", f"--port={self.flower_port}"]
        quickly = ["--inspect_timeout=300", "--logging=error", "--max_tasks=2000"]  # of 7 kB each
        self.add("flower", [*command, *quickly], {**shows, **environment, **secret}, patience=5)

    def start_worker(self, environment: dict[str, str]) -> None:
        """Without its page of warnings that a worker should not run as root."""
        extra = {"PYTHONWARNINGS": "ignore:You're running the worker"}
        command = ["celery", "--quiet", "--app=worker.app", "worker", f"--concurrency={self.workers}"]
        quietly = ["--without-gossip", "--without-mingle", "--queues=single,bulk", "-E"]
        self.add("worker", [*command, *quietly], {**environment, **extra}, patience=40)

    def start_api(self, environment: dict[str, str]) -> None:
        command = ["uvicorn", "api.main:app", "--host", HOST, "--port", str(self.port), "--no-access-log"]
        more = ["--http=api.protocol:Protocol", "--timeout-graceful-shutdown=10"]
        self.add("api", [*command, *more], environment, patience=15)

    def add(self, name: str, command: list[str], environment: dict[str, str], patience: float) -> None:
        self.parts[name] = Part(name, command, environment, self.log, patience, self.state)
        self.parts[name].start()

    def run_errand(
        self, name: str, command: list[str], environment: dict[str, str], output: int | None = None
    ) -> subprocess.Popen[bytes]:
        """A child that comes to an end by itself."""
        errand = subprocess.Popen(
            [sys.executable, "-m", *command],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output or self.log.pipe(name),
            stderr=self.log.pipe(name),
            start_new_session=True,
            preexec_fn=ends_with_launcher(signal.SIGKILL),
        )
        self.errands.append(errand)
        return errand

    def answer(self, errand: subprocess.Popen[bytes]) -> bytes:
        while True:
            self.check()
            with suppress(subprocess.TimeoutExpired):
                return errand.communicate(timeout=0.1)[0]

    def watch(self) -> None:
        """Starts again the part that died; a server that died, or one that dies again and again, is the end."""
        self.check()
        for server in self.servers:
            if (code := server.process.poll()) is not None:
                raise ServerError(f"{server.program} {how(code)}; stopping everything")
        for part in self.parts.values():
            if (code := part.process.poll()) is not None:
                if not part.may_restart():
                    raise ServerError(f"{part.name} {how(code)} once more, now too often; stopping everything")
                self.log.say(f"{part.name} {how(code)}; starting it again")
                part.start()
        if self.training and (code := self.training.poll()):
            raise ServerError(f"training housing {how(code)}; its last lines above say why")

    def announce(self) -> None:
        """Waits until each part answers, and says where."""
        if not wait_until(self.is_ready, READY_SECONDS):
            raise ServerError(f"not ready after {READY_SECONDS} s: {get(self.port, '/health')}")
        url, flower = self.addresses["SCORELINE_URL"], self.addresses["FLOWER_URL"]
        example = get(self.port, "/models/housing/example", f"Bearer {self.addresses['SCORELINE_API_KEY']}")
        curl = CURL.format(url=url, file=shlex.quote(str(self.env_file)), example=json.dumps(example))
        self.log.say(
            f"ready\nconsole  {url}/\ndocs     {url}/docs\n"
            f"Flower   {flower} (user and password: FLOWER_BASIC_AUTH in {self.env_file})\n"
            f"try it, with the key from that file; Ctrl-C stops everything:"
        )
        self.log.raw(curl)

    def is_ready(self) -> bool:
        self.watch()
        health = get(self.port, "/health")
        trained = self.training is None or self.training.poll() == 0
        return trained and bool(health) and health["status"] == "ok" and self.flower_sees_worker()

    def flower_sees_worker(self) -> bool:
        """Has Flower ask again: it asked once, before there was a worker."""
        basic = b64encode(self.flower_login.encode()).decode()
        return bool(get(self.flower_port, "/api/workers?refresh=true", f"Basic {basic}"))

    def stop(self) -> None:
        """API, worker, Flower, Valkey, PostgreSQL: each finishes while what it needs is still there."""
        self.asked_to_stop = True
        self.log.say("stopping; Ctrl-C again hastens it")
        for errand in self.errands:
            kill(errand)
            errand.wait()
        for name in STOP_ORDER:
            if name in self.parts:
                self.parts[name].stop()
        for server in reversed(self.servers):
            if hasattr(server, "process"):
                server.stop()
        self.log.close()

    def hasten(self) -> None:
        """Nobody finishes; what was accepted stays in the database, and is scored at the next start."""
        for part in self.parts.values():
            kill(part.process)


def as_reader(url: str, password: str) -> str:
    """The same database, for the role that may only read predictions."""
    found = urlsplit(url)
    place = found.netloc.rpartition("@")[2]
    return found._replace(scheme="postgresql", netloc=f"scoreline_reader:{password}@{place}").geturl()


if __name__ == "__main__":
    up()
