"""What the pages tell people to type does what they say: every block is run, or its page says why not."""

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
from tests.docs.pages import INDENTED, PAGES, RUN, Session, blocks

# Those that have a test of their own, which looks closer.
ELSEWHERE = {"docs/client.md": "tests/client/test_pages.py"}
RUNNABLE = [
    page
    for page in PAGES
    if page not in ELSEWHERE and any(block.language in RUN and not block.not_run for block in blocks(page))
]
REASONS = ("needs ", "goes on until ", "a part of ", "tests/", "docs/", "README.md ")
SAYS = {
    "README.md": [
        r'"status": ?"succeeded"',
        r'"value":',
        r"(?m)^workers +ok",
        r"registered as prices:1",
        r"(?m)^ *prices:1 +champion +ready",
    ],
    "docs/models.md": [r"registered as churn:1, now churn@champion: classification", r'"label":'],
    "docs/http.md": [r'(?m)^"?record"?,"?value'],
    "docs/security.md": [r"of ada opens nothing any more"],
}


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What `make up` leaves in its folder, with the service running; on the README's port where that is free."""
    from cli.up import is_free

    if not is_free(8000) or not is_free(5555):
        pytest.skip("port 8000 or 5555 is taken, and the README names them")
    folder = tmp_path_factory.mktemp("pages")
    launcher = subprocess.Popen([sys.executable, "-m", "cli.up"], cwd=folder, stdout=subprocess.PIPE, env=os.environ)
    assert launcher.stdout is not None
    for line in launcher.stdout:
        if line.startswith(b"curl"):
            break
    yield folder / ".scoreline"
    launcher.send_signal(signal.SIGINT)
    launcher.communicate(timeout=60)
    assert launcher.returncode == 0


@pytest.fixture
def session(state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """A folder that looks like the project's where somebody has said `make up`."""
    for name, target in (".scoreline", state), (".venv", Path(sys.prefix)), ("data", ROOT / "data"):
        (tmp_path / name).symlink_to(target)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    session = Session(tmp_path)
    yield session
    session.close()


@pytest.mark.parametrize("page", RUNNABLE)
def test_the_blocks_do_what_the_page_says(page: str, session: Session) -> None:
    said = []
    for block in blocks(page):
        if block.kept_as:
            (session.folder / block.kept_as).write_text(block.text)
        elif block.language in RUN and not block.not_run:
            said.append(session.run(block))
    for words in SAYS.get(page, []):
        assert re.search(words, "".join(said)), f"{words} in {''.join(said)}"


@pytest.mark.parametrize("page", PAGES)
def test_every_block_is_of_a_kind_that_is_looked_at(page: str) -> None:
    """What stands indented, or without the name of a language, nobody runs."""
    assert not INDENTED.findall(re.sub(r"```.*?```", "", (ROOT / page).read_text(), flags=re.S))
    for block in blocks(page):
        assert block.language in {*RUN, "json", "text"}, f"line {block.line}: say sh, python, json or text"
        assert block.not_run.startswith(REASONS) or not block.not_run, f"line {block.line}: a reason like {REASONS}"
        if block.language == "json":
            json.loads(block.text)


def test_what_is_run_elsewhere_is() -> None:
    named = [block.not_run.split()[0] for page in PAGES for block in blocks(page) if block.not_run]
    for path in (*ELSEWHERE.values(), *(one for one in named if "/" in one)):
        assert (ROOT / path).exists(), path


def test_every_command_of_make_is_one() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        named = re.findall(r"(?:`|^)make ([a-z-]+)", (ROOT / page).read_text(), re.MULTILINE)
        assert set(named) <= targets, page


def test_every_link_leads_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", (ROOT / page).read_text()):
            assert (ROOT / page).parent.joinpath(target).exists(), f"{page}: {target}"
