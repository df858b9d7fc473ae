"""What the documentation says of the client and of the command line."""

import re
from pathlib import Path
from typing import Any

import pytest

from docs.reference import PAGE, page
from tests.conftest import ROOT

DIFFER = "what a command says of itself has changed: make docs"


def test_the_commands_are_described_as_they_are() -> None:
    assert PAGE.read_text() == page(), DIFFER


def test_the_page_of_the_client_runs(env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Block after block, with the sample beside it."""
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "data").symlink_to(ROOT / "data")
    monkeypatch.chdir(tmp_path)
    known: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "client.md").read_text(), re.DOTALL):
        exec(block, known)
    assert known["houses"]["predicted"].notna().all()
    assert known["again"].equals(known["scored"])
    assert len({job.id for job in known["s"].jobs() if job.records.total == len(known["houses"])}) == 3
    known["s"].close()
