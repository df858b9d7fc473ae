"""CSV that nobody is harmed by who opens it in a spreadsheet."""

import csv
import io
import json

import httpx
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.spreadsheets import harmless
from tests.api.test_bulk import NAMES, line, results, send
from tests.api.test_uploads import NDJSON, ndjson
from tests.conftest import HOUSE

RUN = [
    "=1+1",
    "@SUM(A1)",
    "+cmd|' /C calc'!A0",
    "-2+3",
    "\t=1",
    "\r=1",
    "\n=1",
    '"=1"',
    " =1",
    "\u00a0=1",
    "\uff1d1",
    "\ufe661",
    "\v=1",
    "\u200b\u3000=1",
    "'=1",
    "-",
    "+a",
]
KEPT = ["", "a=1", "-12.5", "+49301234", "-1,5", "1e-3", "-1e5", "a-b", "2020-01-02", "O'Neil", '5"', "[=1]", "ä@b.c"]


def cell(text: str, name: str = "a", trusted: tuple[str, ...] = ()) -> tuple[str, str]:
    table = harmless(pa.table({name: [text]}), trusted)
    return table.column_names[0], table[0][0].as_py()


@pytest.mark.parametrize("text", RUN)
def test_what_would_be_run_begins_with_an_apostrophe(text: str) -> None:
    assert cell(text) == ("a", f"'{text}")
    assert cell("1", name=text)[0] == f"'{text}"


@pytest.mark.parametrize("text", KEPT)
def test_what_computes_nothing_is_left(text: str) -> None:
    assert cell(text) == ("a", text)


def test_labels_of_the_model_are_its_own() -> None:
    assert cell("-", name="label", trusted=("label",)) == ("label", "-")


def test_other_types_are_left() -> None:
    table = pa.table({"n": [-1.5, None], "t": pa.array(["=1", None]).dictionary_encode(), "l": [["=1"], None]})
    assert harmless(table).to_pydict() == {"n": [-1.5, None], "t": ["'=1", None], "l": ['["=1"]', None]}


@settings(max_examples=100, derandomize=True, database=None)
@given(st.text(alphabet=st.sampled_from("=+-@1.,e \t\r\n'\"a＝"), max_size=6))  # noqa: RUF001
def test_nothing_that_begins_a_formula_gets_through(text: str) -> None:
    found = cell(text)[1]
    assert found in (text, f"'{text}")
    if found.strip().startswith(("=", "@")) or (
        found.startswith(("+", "-")) and not any(one.isdigit() for one in found)
    ):
        pytest.fail(found)


def test_results_and_errors_unless_raw_is_asked_for(http: httpx.Client) -> None:
    body = "\n".join(["=id," + ",".join(NAMES), "=1+1," + line(), "@x," + line(latitude="=cmd()"), ""])
    job = send(http, body.encode())
    assert [row["'=id"] for row in results(http, job)] == ["'=1+1", "'@x"]
    assert [row["=id"] for row in results(http, job, "raw=true")] == ["=1+1", "@x"]
    rows = [json.loads(text) for text in http.get(f"{job['urls']['results']}?format=ndjson").text.splitlines()]
    assert [row["=id"] for row in rows] == ["=1+1", "@x"]
    for query, raw in (("", "'=cmd()"), ("raw=true", "=cmd()")):
        [error] = csv.DictReader(io.StringIO(http.get(f"{job['urls']['errors']}?{query}").text))
        assert error["raw"] == raw


def test_longitudes_of_other_columns_stay_numbers(http: httpx.Client) -> None:
    job = send(http, ndjson({**HOUSE, "lon": "-122.23", "note": "-see below"}), NDJSON)
    [row] = results(http, job)
    assert (row["lon"], row["note"]) == ("-122.23", "'-see below")
