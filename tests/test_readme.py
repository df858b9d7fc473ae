"""The README's commands do what it says, run to the letter."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)


def block(beginning: str) -> str:
    [found] = [block for block in BLOCKS if block.startswith(beginning)]
    return str(found)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder as `make up` leaves it, with the service running; on the README's port where that is free."""
    from cli.up import is_free

    if not is_free(8000) or not is_free(5555):
        pytest.skip("port 8000 or 5555 is taken, and the README names them")
    folder = tmp_path_factory.mktemp("readme")
    (folder / ".venv").symlink_to(Path(sys.prefix))
    launcher = subprocess.Popen([sys.executable, "-m", "cli.up"], cwd=folder, stdout=subprocess.PIPE, env=os.environ)
    assert launcher.stdout is not None
    for line in launcher.stdout:
        if line.startswith(b"curl"):
            break
    yield folder
    launcher.send_signal(signal.SIGINT)
    launcher.communicate(timeout=60)
    assert launcher.returncode == 0


def sh(commands: str, folder: Path) -> str:
    done = subprocess.run(["sh", "-ec", commands], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_first_curl(folder: Path) -> None:
    job = json.loads(sh(block("curl"), folder))
    assert job["status"] == "succeeded"
    assert job["output"].keys() == {"value", "low", "high"}


def test_the_shell(folder: Path) -> None:
    said = sh(block(".venv/bin/scoreline predict"), folder)
    assert '"value":' in said
    assert "succeeded" in said
    assert re.search(r"^workers +ok", said, re.MULTILINE)


def test_a_table_becomes_a_model(folder: Path) -> None:
    (folder / "data").symlink_to(ROOT / "data")
    said = sh(block(".venv/bin/scoreline train prices"), folder)
    assert "registered as prices:1" in said
    assert re.search(r"^ *prices:1 +champion +ready", said, re.MULTILINE)


def test_the_two_commands_are_targets_of_make() -> None:
    for command in ("make up", "make test"):
        assert block(command) == f"{command}\n"
        plan = subprocess.run([*command.split(), "--dry-run"], cwd=ROOT, capture_output=True, text=True)
        assert plan.returncode == 0, plan.stderr


def test_every_link_leads_somewhere() -> None:
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"), ROOT / "client" / "README.md"):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
