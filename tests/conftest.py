"""The real servers, started once for the whole run; databases are copied from a migrated template."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import httpx
import psycopg2
import pytest
from sqlalchemy import make_url
from sqlalchemy.orm import Session

from cli.servers import Postgres, Valkey, free_port, servers
from shared import db, queue, registry, users
from shared.settings import settings
from tests.programs import Program

ROOT = Path(__file__).parents[1]

# Before scikit-learn is there: threads of OpenMP that wait for each other on a busy machine made 1.4 s of a fit 588.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A shell that starts the run in the background has it ignore Ctrl-C, and so would every program that a test interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)
numbers = count(1)

# Files of few tests that wait for long: begun last, they kept one process busy for two minutes after the others.
LONG = (
    "test_deaths",
    "test_storm",
    "test_outages",
    "test_isolation",
    "test_backup",
    "test_up",
    "test_store",
    "test_blocks",
    "test_notebooks",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those first; all others in their order."""
    items.sort(key=lambda item: LONG.index(item.path.stem) if item.path.stem in LONG else len(LONG))


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Postgres, Valkey]]:
    with servers(tmp_path_factory.mktemp("servers")) as both:
        yield both


@pytest.fixture(scope="session")
def template(running: tuple[Postgres, Valkey]) -> str:
    """The address of a migrated database that nobody writes to."""
    migrate(running[0].url)
    return running[0].url


def migrate(url: str, *words: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "alembic", *(words or ("upgrade", "head"))],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": url},
        check=True,
    )


def copy_database(template: str) -> str:
    """A database of one's own, in 0.1 s."""
    url = make_url(template)
    name = f"copy_{next(numbers)}"
    link = psycopg2.connect(url.set(database="postgres").render_as_string(hide_password=False))
    link.autocommit = True
    with link.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name} TEMPLATE {url.database}")
    link.close()
    return url.set(database=name).render_as_string(hide_password=False)


@contextmanager
def environment(**values: str) -> Iterator[None]:
    """These settings in this process, with nothing kept of the ones before."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in values.items():
            patch.setenv(name, value)
        forget()
        yield
        forget()


def forget() -> None:
    if db.engine.cache_info().currsize:
        db.engine().dispose()
    for cached in (settings, db.engine, db.autocommit, queue.producer, queue.redis):
        cached.cache_clear()
    registry._signatures.clear()  # by the ids of another database
    if "worker.models" in sys.modules:
        sys.modules["worker.models"].forget()


@pytest.fixture(scope="session")
def trained(
    template: str, running: tuple[Postgres, Valkey], tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path]:
    """The same with the sample model in it, and the folder of its artefact."""
    url, models = copy_database(template), tmp_path_factory.mktemp("models")
    with environment(DATABASE_URL=url, MODELS_URL=str(models)):
        train_housing()
    return url, models


@pytest.fixture
def database(template: str, running: tuple[Postgres, Valkey], tmp_path: Path) -> Iterator[str]:
    """A database for this test alone, and this process set to it."""
    url = copy_database(template)
    with environment(DATABASE_URL=url, REDIS_URL=redis_url(running[1], 1), MODELS_URL=str(tmp_path / "models")):
        yield url


@pytest.fixture
def trained_database(trained: tuple[str, Path], running: tuple[Postgres, Valkey], tmp_path: Path) -> Iterator[str]:
    """The same with the sample model, whose artefact is this test's to spoil."""
    url = copy_database(trained[0])
    models = shutil.copytree(trained[1], tmp_path / "models")
    with environment(DATABASE_URL=url, REDIS_URL=redis_url(running[1], 1), MODELS_URL=str(models)):
        yield url


@pytest.fixture
def session(database: str) -> Iterator[Session]:
    """A session whose changes nobody else sees."""
    with Session(db.engine(), expire_on_commit=False) as session:
        yield session


def redis_url(valkey: Valkey, number: int) -> str:
    return valkey.url.rsplit("/", 1)[0] + f"/{number}"


@dataclass
class Service:
    """The API and a worker as processes of their own, as in real life."""

    env: dict[str, str]
    folder: Path
    port: int = field(default_factory=free_port)
    processes: dict[str, Program] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, name: str) -> None:
        commands = {
            "api": f"uvicorn api.main:app --http api.protocol:Protocol --port {self.port} --no-access-log",
            "worker": "celery -A worker.app worker --concurrency 2 -E --without-gossip --without-mingle",
        }
        self.processes[name] = Program(commands[name].split(), self.env, self.folder / f"{name}.log")

    def stop(self, name: str, way: signal.Signals = signal.SIGTERM) -> int:
        process = self.processes.pop(name)
        process.send_signal(way)
        return process.wait(30)

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def is_ready(self) -> bool:
        return self.says("/health", "ok")

    def is_live(self) -> bool:
        """Whether the API answers, also without a worker."""
        return self.says("/health/live", "ok")

    def says(self, path: str, status: str) -> bool:
        try:
            # verify=False: without certificates, which take 27 ms of what the processes need that are waited for
            return bool(httpx.get(f"{self.url}{path}", timeout=5, verify=False).json()["status"] == status)
        except httpx.TransportError:
            return False

    def user(self, name: str | None = None) -> httpx.Client:
        """A client of a new user."""
        with environment(**self.env):
            return httpx.Client(base_url=self.url, headers={"X-API-Key": new_key(name)}, timeout=30)

    def admin(self) -> httpx.Client:
        with environment(**self.env):
            return httpx.Client(base_url=self.url, headers={"X-API-Key": new_key(is_admin=True)}, timeout=30)


def new_key(name: str | None = None, is_admin: bool = False) -> str:
    from shared import keys

    name = name or f"user{next(numbers)}"
    with db.transaction() as session:
        user = users.create(session, f"{name}@example.org", name, is_admin=is_admin)
        return keys.issue(session, user.id, "test")


def train_housing() -> None:
    from worker import housing
    from worker.publishing import publish

    trained = housing.train("sample")
    with db.transaction() as session:
        publish(session, "housing", trained)


@contextmanager
def serving(postgres: str, redis: str, models: Path, folder: Path, **settings: str) -> Iterator[Service]:
    """A whole service on these servers."""
    addresses = {"DATABASE_URL": postgres, "REDIS_URL": redis, "MODELS_URL": str(models)}
    service = Service(addresses | settings, folder)
    try:
        service.start("worker")
        service.start("api")
        eventually(service.is_ready)
        yield service
    finally:
        for name in ("api", "worker"):
            if name in service.processes:
                service.stop(name)


@contextmanager
def serving_alone(postgres: str, redis: str, models: Path, folder: Path, **settings: str) -> Iterator[Service]:
    """An API, and nobody who works."""
    addresses = {"DATABASE_URL": postgres, "REDIS_URL": redis, "MODELS_URL": str(models)}
    service = Service(addresses | settings, folder)
    service.start("api")
    try:
        eventually(service.is_live)
        yield service
    finally:
        service.stop("api")


def eventually(true: Callable[[], object], seconds: float = 30) -> None:
    """Returns once it is true; a minute is a failure, however slow the machine."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not true within {seconds} s"
        time.sleep(0.02)


@pytest.fixture(scope="session")
def service(
    trained: tuple[str, Path], running: tuple[Postgres, Valkey], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    with serving(copy_database(trained[0]), redis_url(running[1], 2), trained[1], folder) as service:
        yield service


@pytest.fixture
def http(service: Service) -> Iterator[httpx.Client]:
    """A client of a user of this test's own."""
    with service.user() as client:
        yield client


HOUSE = {
    "longitude": -122.23,
    "latitude": 37.88,
    "housing_median_age": 41,
    "total_rooms": 880,
    "total_bedrooms": 129,
    "population": 322,
    "households": 126,
    "median_income": 8.3252,
}


@pytest.fixture
def house() -> dict[str, float]:
    return dict(HOUSE)


@pytest.fixture
def price(http: httpx.Client, house: dict[str, float]) -> float:
    """What a single says of the house."""
    return float(http.post("/predict", json=house, headers={"Prefer": "wait=20"}).json()["output"]["value"])
