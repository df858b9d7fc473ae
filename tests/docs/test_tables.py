"""The tables that are made of the code are as the code is."""

import pytest

from docs import tables

DIFFER = "what the code says has changed: make docs"


@pytest.mark.parametrize("name", tables.PAGES)
@pytest.mark.filterwarnings("ignore:Duplicate Operation ID")
def test_the_tables_are_as_the_code_is(name: str) -> None:
    written = (tables.FOLDER / name).read_text()
    assert tables.MARKED.search(written)
    assert written == tables.page(name), DIFFER
