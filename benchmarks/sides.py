"""The two sides that are compared: how each is started, asked and stopped. Only one runs at a time."""

import asyncio
import json
import os
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import cycle, islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg2
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from benchmarks import load
from benchmarks.load import Connection
from cli.processes import Log, Part, wait_until
from cli.servers import HOST, Postgres, Valkey, free_port
from shared import keys, users
from shared.settings import with_driver

CONNECTIONS = 16
POLL_SECONDS = 0.002
START_SECONDS = 60
WARM_UP = 200


class Side(ABC):
    """An API and a worker with two processes, started with the options of `scoreline up`."""

    name: str
    api: str
    api_options: tuple[str, ...] = ()
    worker: str
    queues: str
    burst: int
    unfinished: str
    succeeded: str

    def __init__(self, folder: Path, database_url: str, redis_url: str) -> None:
        self.folder, self.database_url, self.redis_url = folder, database_url, redis_url
        self.port = free_port()
        self.bodies = cycle(load.records())
        self.parts: list[Part] = []

    @abstractmethod
    def environment(self) -> dict[str, str]: ...

    @abstractmethod
    def post(self, body: bytes) -> bytes:
        """The request that submits a record without waiting for it."""

    @abstractmethod
    async def result(self, connection: Connection, body: bytes) -> None:
        """Submits a record and returns when its result is here."""

    def posts(self, count: int) -> Iterator[bytes]:
        """Made beforehand, so that it costs nothing while it is measured."""
        return iter([self.post(body) for body in islice(self.bodies, count)])

    @contextmanager
    def running(self) -> Iterator[None]:
        """The side, up and warm."""
        with open(self.folder / f"{self.name}.log", "ab") as file:
            log = Log(file)
            try:
                self.start(log)
                yield
            finally:
                for part in self.parts:
                    part.stop()
                log.close()

    def start(self, log: Log) -> None:
        # As in cli/up.py, for both sides.
        environment = {**os.environ, **self.environment(), "OMP_NUM_THREADS": "1"}
        api = ["uvicorn", self.api, f"--host={HOST}", f"--port={self.port}", "--no-access-log", *self.api_options]
        worker = ["celery", "--quiet", f"--app={self.worker}", "worker", "--concurrency=2"]
        options = ["--without-gossip", "--without-mingle", f"--queues={self.queues}", "-E"]
        quiet = {"PYTHONWARNINGS": "ignore:You're running the worker"}
        self.parts = [
            Part("api", api, environment, log, 15, self.folder),
            Part("worker", [*worker, *options], environment | quiet, log, 40, self.folder),
        ]
        for part in self.parts:
            part.start()
        self.warm_up()

    def warm_up(self) -> None:
        if not wait_until(self.is_ready, START_SECONDS):
            raise RuntimeError(f"{self.name} does not start; {self.name}.log in {self.folder} says why")
        asyncio.run(load.burst(self.port, CONNECTIONS, self.posts(WARM_UP), status=202))
        self.wait_until_finished()

    def is_ready(self) -> bool:
        """Whether the API answers and has made its tables."""
        try:
            asyncio.run(self.knock())
        except OSError:
            return False
        return True

    async def knock(self) -> None:
        async with load.connected(self.port, 1):
            pass

    def wait_until_finished(self, poll_seconds: float = POLL_SECONDS) -> None:
        with queried(self.database_url) as cursor:
            while first_value(cursor, self.unfinished):
                time.sleep(poll_seconds)

    def count(self) -> int:
        """How many records have a result."""
        with queried(self.database_url) as cursor:
            return int(first_value(cursor, self.succeeded))


def first_value(cursor: Any, query: str) -> Any:
    cursor.execute(query)
    return cursor.fetchone()[0]


class Scoreline(Side):
    name = "scoreline"
    api = "api.main:app"
    api_options = ("--http=api.protocol:Protocol",)
    worker = "worker.app"
    queues = "single,bulk"
    burst = 4_000
    unfinished = "SELECT EXISTS (SELECT FROM slices WHERE status IN ('pending', 'running'))"
    succeeded = "SELECT count(*) FROM jobs WHERE status = 'succeeded'"

    def prepare(self) -> None:
        """Migrates, trains the model and makes a key."""
        self.run("alembic", "upgrade", "head")
        self.run("scoreline.commands", "train", "housing")
        self.key = issue_key(self.database_url)

    def run(self, module: str, *arguments: str) -> None:
        environment = {**os.environ, **self.environment()}
        with open(self.folder / "prepare.log", "ab") as log:
            subprocess.run([sys.executable, "-m", module, *arguments], env=environment, stdout=log, check=True)

    def environment(self) -> dict[str, str]:
        models = str(self.folder / "models")
        return {"DATABASE_URL": self.database_url, "REDIS_URL": self.redis_url, "MODELS_URL": models}

    def address(self) -> dict[str, str]:
        """What a client's environment has to say."""
        return {"SCORELINE_URL": f"http://{HOST}:{self.port}", "SCORELINE_API_KEY": self.key}

    def artifact(self) -> Path:
        return next((self.folder / "models").glob("*.joblib"))

    def post(self, body: bytes, *headers: str) -> bytes:
        headers = (f"Authorization: Bearer {self.key}", "Content-Type: application/json", *headers)
        return load.request("POST", "/predict", body, headers)

    async def result(self, connection: Connection, body: bytes) -> None:
        answer = load.expect(await connection.ask(self.post(body, "Prefer: wait=10")), 200)
        if json.loads(answer.body)["status"] != "succeeded":
            raise RuntimeError(f"not succeeded: {answer.body.decode()}")


class Textbook(Side):
    name = "textbook"
    api = "benchmarks.textbook.main:app"
    worker = "benchmarks.textbook.tasks"
    queues = "celery"
    burst = 1_000
    unfinished = "SELECT EXISTS (SELECT FROM predictions WHERE status <> 'done')"
    succeeded = "SELECT count(*) FROM predictions WHERE result IS NOT NULL"

    def __init__(self, folder: Path, database_url: str, redis_url: str, artifact: Path) -> None:
        super().__init__(folder, database_url, redis_url)
        self.artifact = artifact

    def environment(self) -> dict[str, str]:
        address = with_driver(self.database_url)
        return {"DATABASE_URL": address, "REDIS_URL": self.redis_url, "MODEL_PATH": str(self.artifact)}

    def post(self, body: bytes) -> bytes:
        return load.request("POST", "/predict", body, ["Content-Type: application/json"])

    async def result(self, connection: Connection, body: bytes) -> None:
        answer = load.expect(await connection.ask(self.post(body)), 202)
        look = load.request("GET", f"/predictions/{json.loads(answer.body)['id']}")
        while json.loads(load.expect(await connection.ask(look), 200).body)["status"] != "done":
            time.sleep(POLL_SECONDS)  # nothing else runs in this loop, whose own timers are coarser


def both(folder: Path, postgres: Postgres, valkey: Valkey) -> tuple[Scoreline, Textbook]:
    """The two sides on the same servers, each with a database and a Redis database of its own, and with one model."""
    ours = Scoreline(made(folder / "scoreline"), postgres.url, valkey.url)
    ours.prepare()
    other = urlsplit(postgres.url)._replace(path="/textbook").geturl()
    create_database(postgres.url, "textbook")
    redis = urlsplit(valkey.url)._replace(path="/1").geturl()
    return ours, Textbook(made(folder / "textbook"), other, redis, ours.artifact())


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


@contextmanager
def queried(url: str) -> Iterator[Any]:
    """A cursor whose statements stand alone."""
    with closing(psycopg2.connect(url)) as link, link.cursor() as cursor:
        link.autocommit = True
        yield cursor


def issue_key(url: str) -> str:
    with Session(create_engine(with_driver(url))) as session:
        user = users.create(session, "bench@localhost", "bench")
        key = keys.issue(session, user.id, "bench")
        session.commit()
    return key


def create_database(url: str, name: str) -> None:
    with queried(url) as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
