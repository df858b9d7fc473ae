"""Which input a column becomes, what is left out, and what is said about it."""

from datetime import date, datetime, time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from shared.errors import Invalid
from shared.features import Boolean, Category, Date, Number
from worker import table
from worker.columns import Unusable, check_varied, column_of, seen, typical
from worker.records import records_of

ROWS = 120


def write(folder: Path, text: str) -> Path:
    path = folder / "table.csv"
    path.write_text(text)
    return path


def csv_of(folder: Path, **columns: list[str]) -> Path:
    lines = [",".join(columns), *map(",".join, zip(*columns.values(), strict=True))]
    return write(folder, "\n".join(lines) + "\n")


@pytest.mark.parametrize(
    ("values", "kind", "nullable"),
    [
        (pa.array([1, 2, None], pa.int8()), Number, True),
        (pa.array([1.5, float("nan")]), Number, True),
        (pa.array([1, 2], pa.decimal128(5, 2)), Number, False),
        (pa.array([True, False]), Boolean, False),
        (pa.array([date(2024, 1, 1), None]), Date, True),
        (pa.array([datetime(2024, 1, 1, 12)], pa.timestamp("ns", "Europe/Berlin")), Date, False),
        (pa.array(["2024-01-01", "2024-01-02T10:00:00Z"]), Date, False),
        (pa.array(["a", "", "b"], pa.large_string()), Category, True),
        (pa.array(["a", "b"]).dictionary_encode(), Category, False),
        (pa.array(["a", "b"], pa.string_view()), Category, False),
    ],
)
def test_the_type_of_a_column(values: pa.Array, kind: type, nullable: bool) -> None:
    column = column_of("x", pa.chunked_array([values]))
    assert (type(column.feature), column.feature.nullable) == (kind, nullable)
    assert np.isnan(column.codes).any() == nullable


@pytest.mark.parametrize(
    ("name", "values", "says"),
    [
        ("x", pa.nulls(3), "is empty"),
        ("x", pa.array(["", None]), "is empty"),
        ("x", pa.array([time(1, 2)]), "holds time64"),
        ("x", pa.array([[1], [2]]), "holds list<"),
        ("x", pa.array([str(number) for number in range(300)] * 2), "300 different texts: a category has at most 255"),
        ("x", pa.array([str(number) for number in range(300)]), "in every row another, as an id has"),
        (" ", pa.array([1, 2]), "has no name"),
        ("a\x00b", pa.array([1, 2]), "cannot be printed"),
        ("a" * 201, pa.array([1, 2]), "longer than 200 characters"),
    ],
)
def test_what_cannot_be_an_input(name: str, values: pa.Array, says: str) -> None:
    with pytest.raises(Unusable) as refused:
        column_of(name, values)
    assert says in refused.value.why


def test_what_hardly_tells_anything_is_left_out_unless_asked_for() -> None:
    for values, says in [
        (pa.array([7, 7]), "the same value in every row"),
        (pa.array([f"note {number}" for number in range(100)]), "nearly each has its own"),
    ]:
        with pytest.raises(Unusable, match=says) as refused:
            check_varied(column_of("x", values))
        assert refused.value.may_be_kept
    check_varied(column_of("x", pa.array([7, None])))  # that it is missing may tell something


def test_infinities_are_missing_and_that_is_said() -> None:
    column = column_of("x", pa.array([1.0, float("inf"), float("-inf")]))
    assert column.values.to_pylist() == [1, None, None]
    assert column.warnings == ('"x" is infinite in 2 rows, read as missing; send null for those',)


def test_ranges_and_typical_values() -> None:
    days = column_of("day", pa.array(["2024-01-01", "2024-03-01", "2024-01-03"]))
    assert seen(days.feature, days.codes).seen == ("2024-01-01", "2024-03-01")
    assert typical(days.feature, days.codes) == "2024-01-03"
    numbers = column_of("x", pa.array([1, 2, 9]))
    assert seen(numbers.feature, numbers.codes).seen == (1, 9)
    assert typical(numbers.feature, numbers.codes) == 2
    kinds = column_of("kind", pa.array(["b", "a", "b", None]))
    assert (typical(kinds.feature, kinds.codes), kinds.feature.categories) == ("b", ("a", "b"))
    assert typical(numbers.feature, np.array([np.nan])) is None


def test_a_few_cells_do_not_make_text_of_numbers(tmp_path: Path) -> None:
    cells = [str(number) for number in range(98)]
    found = table.read(csv_of(tmp_path, x=[*cells, "oops", "NA"], flag=["true", "n/a"] * 50, code=["NA", "DE"] * 50))
    assert [str(kind) for kind in found.data.schema.types] == ["double", "bool", "string"]
    assert found.data["x"].null_count == 2
    assert found.warnings[0].startswith('"x" is a number but for "oops", "NA" in 2 rows, read as missing')
    assert '"flag" is a boolean but for "n/a" in 50 rows' in found.warnings[1]


@pytest.mark.parametrize(("mark", "number"), [(";", "1,5"), ("\t", "1.5"), ("|", "1.5")])
def test_other_delimiters(tmp_path: Path, mark: str, number: str) -> None:
    found = table.read(write(tmp_path, f"x{mark}y\n{number}{mark}a\n{number}{mark}b\n"))
    assert found.data.to_pylist() == [{"x": 1.5, "y": "a"}, {"x": 1.5, "y": "b"}]


def test_parquet_is_read_with_its_types(tmp_path: Path) -> None:
    data = pa.table({"x": [1, 2], "day": [date(2024, 1, 1), None], "kind": ["a", "b"]})
    parquet.write_table(data, tmp_path / "t.parquet")
    assert table.read(tmp_path / "t.parquet").data.equals(data)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "Empty CSV file"),
        (b"a,b\n1,2,3\n", "Expected 2 columns, got 3"),
        (b"a,b,a\n1,2,3\n", 'column "a" is there 2 times; rename or remove one'),
        (b"a,b\n1,caf\xe9\n", "not UTF-8"),
        (b"PAR1 and no more", "cannot be read as a table"),
    ],
)
def test_a_file_that_is_no_table(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(Invalid) as refused:
        table.read(tmp_path / "file")
    assert says in refused.value.detail
    with pytest.raises(Invalid, match='there is no file "'):
        table.read(tmp_path / "nowhere")


CHANCE = np.random.default_rng(0)
PRICE = CHANCE.permutation(np.round(CHANCE.normal(100, 20, ROWS), 3))
KIND = np.array(["a", "b", "c"] * (ROWS // 3))


@pytest.mark.parametrize(
    ("name", "values", "target", "says"),
    [
        ("row", np.arange(5, 5 + 3 * ROWS, 3), "price", "is an id"),
        ("customer_id", CHANCE.permutation(ROWS) + 1_000, "price", "is an id"),
        ("customerId", CHANCE.permutation(ROWS) + 1_000, "price", "is an id"),
        ("copy", PRICE, "price", 'is equal to the target "price"'),
        ("euros", np.round(PRICE * 0.9 + 1, 2), "price", "on another scale"),
        ("log", np.log(PRICE - PRICE.min() + 1), "price", "in other words"),
        ("code", np.array(["x", "y", "z"])[np.searchsorted(["a", "b", "c"], KIND)], "kind", "in other words"),
        ("number", np.searchsorted(["a", "b", "c"], KIND), "kind", "in other words"),
        ("area", CHANCE.permutation(ROWS), "price", None),
        ("grow_id", CHANCE.integers(0, 50, ROWS), "price", None),
        ("near", PRICE + CHANCE.normal(0, 1, ROWS), "price", None),
        ("day", np.arange("2024-01-01", "2024-04-30", dtype="datetime64[D]"), "price", None),
    ],
)
def test_leaks_are_left_out_unless_asked_for(name: str, values: np.ndarray, target: str, says: str | None) -> None:
    data = pa.table({"x": CHANCE.normal(size=ROWS), "price": PRICE, "kind": pa.array(KIND), name: pa.array(values)})
    found = table.Table(data, "table", synthetic=False, sha256="")
    left_out = dict(records_of(found, target).left_out)
    if says is None:
        assert left_out == {}
        return
    assert says in left_out[name]
    assert f"--keep {name}" in left_out[name]
    kept = records_of(found, target, keep=[name])
    assert name in [feature.name for feature in kept.inputs]


def test_what_cannot_be_kept_is_refused() -> None:
    data = pa.table({"x": CHANCE.normal(size=ROWS), "y": PRICE, "empty": pa.nulls(ROWS)})
    found = table.Table(data, "table", synthetic=False, sha256="")
    with pytest.raises(Invalid, match='column "empty" cannot be kept: it is empty'):
        records_of(found, "y", keep=["empty"])
    with pytest.raises(Invalid, match='there is no column "emty" in table; did you mean "empty"'):
        records_of(found, "y", leave_out=["emty"])
