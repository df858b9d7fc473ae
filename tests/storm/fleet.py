"""The whole service, on servers of its own behind wires that can be cut."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg2
import redis

from cli.processes import wait_until
from cli.servers import HOST, Postgres, Server, Valkey, free_port
from tests.storm import disk
from tests.storm.client import Client, Seen
from tests.storm.ledger import Ledger
from tests.storm.program import ROOT, Program, thaw
from tests.storm.proxy import Proxy

READY_SECONDS = 120
PROCESSES = 2  # of each worker
# The small disk has to do, and connections that were left half-open stay taken.
POSTGRES: Mapping[str, str] = MappingProxyType(
    {"max_wal_size": "256MB", "min_wal_size": "64MB", "max_connections": "200"}
)
ALWAYS: Mapping[str, str] = MappingProxyType(
    {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore:You're running the worker"}
)


class NotReady(Exception):
    """The service, or a part of it, does not come up."""


class Fleet:
    """API processes, workers and servers; each can be hurt by name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.postgres = Postgres(folder / "postgres", POSTGRES)
        self.valkey = Valkey(folder / "valkey")
        self.deaths = folder / "deaths"
        self.deaths.mkdir()
        self.settings: dict[str, str] = {}
        self.guard: str | None = None
        self.programs: dict[str, Program] = {}
        self.ports: list[int] = []
        self.disk = disk.mount(self.postgres.folder)
        self.link: Any = None
        self.ledger, self.seen = Ledger(folder / "ledger"), Seen()

    # How it comes and goes

    def open(self) -> None:
        """The servers, and in them tables, models and a user."""
        for server in self.servers:
            server.start()
        self.to_postgres, self.to_redis = Proxy(port_of(self.postgres)), Proxy(port_of(self.valkey))
        self.key = self.prepare()

    def staff(self, workers: int, apis: int) -> None:
        """Returns when so many workers and API processes are at work."""
        since = self.clock()
        for number in range(1, workers + 1):
            self.start_worker(f"w{number}")
        for number in range(1, apis + 1):
            self.start_api(f"api{number}")
        for name in self.workers:
            self.wait_for_worker(name, since)
        self.wait_for(lambda: all(map(self.answers, self.ports)))

    def dismiss(self) -> None:
        """No worker and no API process is left, whatever state they were in."""
        for program in self.programs.values():
            program.clear_away()
        self.programs, self.ports = {}, []

    @property
    def servers(self) -> tuple[Server, Server]:
        return self.postgres, self.valkey

    def environment(self, direct: bool = False) -> dict[str, str]:
        """Where everything is; `direct` leaves the wires out."""
        postgres, valkey = self.postgres.url, self.valkey.url
        if not direct:
            postgres = at_port(postgres, self.to_postgres.port)
            valkey = at_port(valkey, self.to_redis.port)
        addresses = {"DATABASE_URL": postgres, "REDIS_URL": valkey, "MODELS_URL": str(self.folder / "models")}
        return {**ALWAYS, **addresses, **self.settings}

    def prepare(self) -> str:
        command = [sys.executable, "-m", "tests.storm.prepare"]
        with open(self.folder / "prepare.log", "wb") as log:
            env = {**os.environ, **self.environment(direct=True)}
            done = subprocess.run(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=log, check=True)
        return done.stdout.decode().split()[-1]

    def start_worker(self, name: str) -> None:
        command = ["celery", "--quiet", "--app=worker.app", "worker", f"--concurrency={PROCESSES}"]
        more = ["--without-gossip", "--without-mingle", "--queues=single,bulk", "-E", f"--hostname={name}@storm"]
        self.run(name, [*command, *more])

    def start_api(self, name: str) -> None:
        known = self.programs.get(name)
        port = int(known.words[-2]) if known else free_port()
        if port not in self.ports:
            self.ports.append(port)
        self.run(name, ["tests.storm.api", str(port), str(self.deaths)])

    def run(self, name: str, words: list[str]) -> None:
        guarded = ["tests.storm.ablated", self.guard, *words] if self.guard else words
        self.programs[name] = Program(name, guarded, self.environment(), self.folder)
        self.programs[name].start()

    def heal(self) -> list[str]:
        """What a supervisor does: whatever has died is started again. The names of those."""
        dead = [name for name, program in self.programs.items() if not program.runs]
        for name in dead:
            self.start_worker(name) if name in self.workers else self.start_api(name)
        return dead

    def drop(self, name: str) -> int:
        """Has a program end in order, for good."""
        return self.programs.pop(name).end()

    def close(self) -> None:
        self.dismiss()
        if self.link is not None:
            self.link.close()
        for server in self.servers:
            if hasattr(server, "process"):
                if server.process.poll() is None:
                    thaw(server.process.pid)
                server.stop()
        for proxy in (getattr(self, "to_postgres", None), getattr(self, "to_redis", None)):
            if proxy is not None:
                proxy.close()
        if self.disk:
            disk.unmount(self.postgres.folder)

    # What can be asked of it

    @property
    def workers(self) -> list[str]:
        return sorted(name for name in self.programs if not name.startswith("api"))

    @property
    def apis(self) -> list[str]:
        return sorted(name for name in self.programs if name.startswith("api"))

    def answers(self, port: int) -> bool:
        try:
            return httpx.get(f"http://{HOST}:{port}/health/ready", timeout=5, verify=False).status_code == 200
        except httpx.TransportError:
            return False

    def wait_for(self, true: Callable[[], object], seconds: float = READY_SECONDS) -> None:
        if not wait_until(lambda: bool(true()), seconds):
            raise NotReady(f"not so within {seconds} s; the logs are in {self.folder}")

    def wait_for_worker(self, name: str, since: float) -> None:
        """Returns when this worker has given a sign of life since then, by the database's clock."""
        seen = "SELECT extract(epoch FROM seen_at) > %s FROM workers WHERE name = %s"
        self.wait_for(lambda: (True,) in self.rows(seen, since, f"{name}@storm"))

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """By the one connection of the storm itself, which does not go through the wire."""
        for last in (False, True):
            try:
                if self.link is None:
                    self.link = psycopg2.connect(self.postgres.url, connect_timeout=5)
                    self.link.autocommit = True
                with self.link.cursor() as cursor:
                    cursor.execute(query, values or None)
                    return list(cursor.fetchall()) if cursor.description else []
            except psycopg2.Error:
                self.link = None
                if last:
                    raise
        return []

    def client(self, chance: Random) -> Client:
        return Client(self.ports, self.key, self.ledger, self.seen, chance)

    def clock(self) -> float:
        return float(self.rows("SELECT extract(epoch FROM clock_timestamp())")[0][0])

    def redis(self) -> "redis.Redis":
        return redis.Redis.from_url(self.valkey.url, protocol=2)


def port_of(server: Server) -> int:
    assert server.port is not None
    return server.port


def at_port(url: str, port: int) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=f"{parts.netloc.rpartition(':')[0]}:{port}").geturl()


@contextmanager
def fleet() -> Iterator[Fleet]:
    """Servers that are ready, in a folder that goes with them; whom they serve is to be started."""
    with tempfile.TemporaryDirectory(prefix="scoreline-storm-", ignore_cleanup_errors=True) as folder:
        made = Fleet(Path(folder))
        try:
            made.open()
            yield made
        finally:
            made.close()


def last_words(fleet: Fleet, lines: int = 15) -> str:
    said: Sequence[str] = [
        f"--- {path.name}\n" + "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
        for path in sorted(fleet.folder.glob("*.log"))
    ]
    return "\n".join(said)
