"""The real program, and a service that it is a user of."""

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.conftest import Service


def run(
    *words: str, env: dict[str, str], stdin: str = "", folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "scoreline.commands", *words],
        env=os.environ | env,
        input=stdin,
        capture_output=True,
        text=True,
        cwd=folder,
    )


@pytest.fixture
def env(service: Service, http: httpx.Client) -> dict[str, str]:
    return {"SCORELINE_URL": service.url, "SCORELINE_API_KEY": http.headers["x-api-key"]}
