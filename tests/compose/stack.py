"""A compose project of this run's own: its name, its ports, its secrets, its tags; nothing of a user's is touched."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from cli import env

ROOT = Path(__file__).parents[2]
PORTS = ("API_PORT", "FLOWER_PORT", "POSTGRES_PORT", "JUPYTER_PORT")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def need_docker() -> None:
    for command, lacks in (["compose", "version"], "the command docker compose"), (["info"], "a running Docker engine"):
        try:
            subprocess.run(["docker", *command], capture_output=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            sys.exit(f"make compose-test needs {lacks}, and there is none on this machine")


def eventually(true: Callable[[], Any], seconds: float, pause: float = 0.05) -> Any:
    """The first answer that is true; after so many seconds without one the test has failed."""
    deadline = time.monotonic() + seconds
    while not (found := true()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not true within {seconds} s")
        time.sleep(pause)
    return found


class Stack:
    """The service as docker-compose.yml runs it."""

    def __init__(self, **settings: str) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="scoreline-compose-")
        self.tag = f"test-{os.getpid()}"
        self.env_file = Path(self.folder.name, ".env")
        env.write(self.env_file)
        lines = [line for line in self.env_file.read_text().splitlines() if line and not line.startswith("#")]
        self.values = dict(line.split("=", 1) for line in lines)
        self.set(TAG=self.tag, **{port: str(free_port()) for port in PORTS}, **settings)

    def set(self, **values: str) -> None:
        """What the next command finds in .env."""
        self.values |= values
        self.env_file.write_text("".join(f"{name}={value}\n" for name, value in self.values.items()))

    def command(self, *words: str) -> list[str]:
        own = ("--project-name", f"scoreline-{self.tag}", "--env-file", str(self.env_file))
        return ["docker", "compose", *own, "--file", "docker-compose.yml", *words]

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """What is set here goes before what a user has in the environment; that must not reach the project."""
        outside = {name: value for name, value in os.environ.items() if name not in self.values}
        return subprocess.Popen(
            self.command(*words), cwd=ROOT, env=outside, stderr=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def compose(self, *words: str) -> str:
        return self.finish(self.start(*words))

    def finish(self, started: subprocess.Popen[bytes]) -> str:
        """What the command says once it has ended well."""
        said, complaint = started.communicate()
        assert started.returncode == 0, f"{started.args}:\n{complaint.decode()}"
        return said.decode()

    def remove(self) -> None:
        self.compose("--profile", "*", "down", "--volumes", "--remove-orphans", "--timeout", "10")
        images = [f"scoreline-{side}:{self.tag}" for side in ("api", "worker")]
        subprocess.run(["docker", "image", "rm", *images], capture_output=True)
        self.folder.cleanup()

    def get(self, path: str, body: bytes | None = None, kind: str = "application/json", **headers: str) -> bytes:
        """The body of the API's answer, of POST if a body is given."""
        headers |= {"Authorization": f"Bearer {self.values['SCORELINE_API_KEY']}", "Content-Type": kind}
        url = f"http://127.0.0.1:{self.values['API_PORT']}{path}"
        with urlopen(Request(url, body, headers), timeout=60) as answer:
            return bytes(answer.read())

    def json(self, path: str, body: bytes | None = None, kind: str = "application/json", **headers: str) -> Any:
        return json.loads(self.get(path, body, kind, **headers))

    def answer(self, path: str, body: bytes | None = None, **headers: str) -> Any:
        """The JSON, or None while nobody answers."""
        try:
            return self.json(path, body, **headers)
        except (OSError, HTTPError):
            return None

    def flower_workers(self) -> list[str]:
        login = b64encode(self.values["FLOWER_BASIC_AUTH"].encode()).decode()
        url = f"http://127.0.0.1:{self.values['FLOWER_PORT']}/api/workers?refresh=true"
        with urlopen(Request(url, headers={"Authorization": f"Basic {login}"}), timeout=30) as answer:
            return list(json.load(answer))

    def rows(self, query: str) -> list[list[str]]:
        psql = (
            "psql",
            "--username=scoreline",
            "--tuples-only",
            "--no-align",
            "--field-separator=,",
            "--command",
            query,
        )
        return [line.split(",") for line in self.compose("exec", "-T", "postgres", *psql).splitlines()]
