"""The service that `scoreline up` runs on this machine, found by the file that it leaves."""

import os
from pathlib import Path

LOCAL_ENV = Path(".scoreline", "local.env")


def read_env(path: Path) -> dict[str, str]:
    """NAME=value lines."""
    lines = path.read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def local_env() -> dict[str, str]:
    """What the nearest `.scoreline/local.env` says, here or in a folder above; empty where there is none."""
    for folder in (Path.cwd(), *Path.cwd().parents):
        try:
            return read_env(folder / LOCAL_ENV)
        except OSError:
            continue
    return {}


def use_local_env() -> None:
    """Has what reads the environment find that service too; what is set already goes before it."""
    if "DATABASE_URL" not in os.environ:
        for name, value in local_env().items():
            os.environ.setdefault(name, value)
