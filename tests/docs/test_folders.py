"""Each folder says what lives in it, and speaks of files that are there."""

import re

import pytest

from tests.conftest import ROOT

FOLDERS = sorted(path.name for path in ROOT.iterdir() if path.is_dir() and path.name.isalpha())
FILE = re.compile(r"`((?:\w[\w-]*/)*[\w-]*\w\.(?:csv|ini|ipynb|lock|md|py|sh|toml|yaml|yml))`|`(Dockerfile\.\w+)`")


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_says_what_lives_in_it(folder: str) -> None:
    readme = ROOT / folder / "README.md"
    text = readme.read_text()
    assert len(text.splitlines()) >= 8
    for name in {name for names in FILE.findall(re.sub(r"<!--.*?-->", "", text)) for name in names if name}:
        assert (ROOT / name).exists() or any(readme.parent.rglob(name)), name


def test_the_readme_names_every_folder() -> None:
    assert set(FOLDERS) <= set(re.findall(r"^\| \[(\w+)\]", (ROOT / "README.md").read_text(), re.MULTILINE))
