"""The notebooks run from top to bottom, and show what they were committed with."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cli import prepare
from cli.up import as_reader
from shared import db
from tests.conftest import ROOT, Service, environment, new_key

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
BYTES = 600_000
NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")
OF_A_MACHINE = re.compile(r"/(home|root|tmp|usr|Users|opt|work)/|\bsk_[0-9a-f]{8}|127\.0\.0\.1|localhost|https?://")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the notebooks, beside the data that they read."""
    folder = tmp_path_factory.mktemp("notebooks")
    (folder / "data").symlink_to(ROOT / "data")
    # On a new machine it looks for all fonts first, and says so where a notebook's plot should be.
    subprocess.run([sys.executable, "-c", "import matplotlib.font_manager"], check=True, capture_output=True)
    return shutil.copytree(ROOT / "notebooks", folder / "notebooks")


@pytest.fixture(scope="module")
def env(service: Service, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What `scoreline up` leaves in local.env, and no settings of Jupyter's but its own."""
    with environment(**service.env), db.transaction() as session:
        prepare.make_reader(session, "reader")
    with environment(**service.env):
        key = new_key("notebooks")
    reader = as_reader(service.env["DATABASE_URL"], "reader")
    found = {"SCORELINE_URL": service.url, "SCORELINE_API_KEY": key, "DATABASE_URL_READONLY": reader}
    places = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    own = {place: str(tmp_path_factory.mktemp(place.lower())) for place in places}
    return {**os.environ, **service.env, **found, **own}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_and_shows_what_readers_see(path: Path, folder: Path, env: dict[str, str]) -> None:
    copy = folder / path.name
    command = [Path(sys.executable).parent / "jupyter", "nbconvert", "--execute", "--to=notebook", "--inplace", copy]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [output for output in outputs(copy) if output.get("name") == "stderr"] == []
    assert_alike(said(copy), said(path))


def outputs(path: Path) -> list[dict[str, Any]]:
    cells = json.loads(path.read_text())["cells"]
    return [output for cell in cells for output in cell.get("outputs", [])]


def said(path: Path) -> str:
    """All text of the outputs; a picture counts as being there."""
    parts = [output.get("text") or output["data"].get("text/plain", []) for output in outputs(path)]
    return "".join(text for part in parts for text in part)


def assert_alike(one: str, other: str) -> None:
    """The same words, and numbers that differ by no more than other processors and libraries make of them."""
    assert NUMBER.sub("#", re.sub(r"\s+", " ", one)) == NUMBER.sub("#", re.sub(r"\s+", " ", other))
    numbers = [[float(number.replace(",", "")) for number in NUMBER.findall(text)] for text in (one, other)]
    assert numbers[0] == pytest.approx(numbers[1], rel=0.05)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_committed_with_its_outputs_and_nothing_of_a_machine(path: Path) -> None:
    cells = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert any("image/png" in output.get("data", {}) for output in outputs(path))
    assert not OF_A_MACHINE.search(json.dumps(outputs(path)))
    assert path.stat().st_size < BYTES
