"""Each type of input says the same of a value, of a column and of what is stored."""

import json
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.features import Boolean, Category, Date, Feature, Number
from shared.signature import Signature

COAST = Category(name="coast", categories=("NEAR BAY", "INLAND", "<1H OCEAN"))
POOL = Boolean(name="pool", nullable=True)
SOLD = Date(name="sold", seen=("2020-01-01", "2025-12-31"))
ROOMS = Number(name="rooms", minimum=0, seen=(1, 20))
SIGNATURE = Signature(inputs=(COAST, POOL, SOLD, ROOMS), outputs=("value",))
GOOD = {"coast": "INLAND", "pool": True, "sold": "2024-02-29", "rooms": 5.5}


@pytest.mark.parametrize(
    ("feature", "value", "code", "detail"),
    [
        (COAST, 5, "type", '"coast" must be text, not a number'),
        (
            COAST,
            "inlnd",
            "unknown_category",
            '"coast" must be one of "NEAR BAY", "INLAND", "<1H OCEAN", not "inlnd"; did you mean "INLAND"?',
        ),
        (POOL, "true", "type", '"pool" must be true or false, not text'),
        (POOL, 1, "type", '"pool" must be true or false, not a number'),
        (SOLD, "2023-02-29", "type", '"sold" must be a date such as 2026-01-31 or 2026-01-31T12:00:00Z, not'),
        (SOLD, "29.2.2024", "type", '"sold" must be a date'),
        (SOLD, "0001-01-01T00:00:00+14:00", "type", '"sold" must be a date'),
        (SOLD, 20240229, "type", '"sold" must be a date such as 2026-01-31 or 2026-01-31T12:00:00Z, not a number'),
        (SOLD, None, "missing", '"sold" must not be null'),
    ],
)
def test_a_bad_value_says_what_is_wrong(feature: Feature, value: object, code: str, detail: str) -> None:
    problem = feature.check_value(value)
    assert problem is not None
    assert problem["code"] == code
    assert problem["detail"].startswith(detail)


def test_many_categories_are_not_all_told() -> None:
    feature = Category(name="town", categories=tuple(f"town {number}" for number in range(40)))
    problem = feature.check_value("?" * 100)
    assert problem is not None
    assert '"town 9" or 30 more, not "???' in problem["detail"]
    assert len(problem["detail"]) < 300


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("2024-02-29", "2024-02-29"),
        ("2024-02-29T00:00:00Z", "2024-02-29"),
        ("2024-02-29 13:30", "2024-02-29T13:30:00Z"),
        ("2024-02-29T01:00:00.25+02:00", "2024-02-28T23:00:00.250Z"),
        ("0001-01-01", "0001-01-01"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999Z"),
    ],
)
def test_dates_are_stored_in_utc(written: str, stored: str) -> None:
    assert SOLD.check_value(written) is None
    assert SOLD.decode(SOLD.encode(written)) == stored


RECORDS = st.fixed_dictionaries(
    {
        "coast": st.sampled_from(["INLAND", "NEAR BAY", "inland", "", None]),
        "pool": st.sampled_from([True, False, None]),
        "sold": st.one_of(st.none(), st.dates().map(str), st.sampled_from(["2020-13-01", "soon", "2020-01-01T10:00Z"])),
        "rooms": st.one_of(st.none(), st.floats(-5, 50)),
    }
)


@given(st.lists(RECORDS, min_size=1, max_size=6))
def test_a_table_is_told_what_each_of_its_records_is_told(records: list[dict[str, Any]]) -> None:
    kinds = {"coast": pa.string(), "pool": pa.bool_(), "sold": pa.string(), "rooms": pa.float64()}
    columns = {name: pa.array([record[name] for record in records], kind) for name, kind in kinds.items()}
    matrix, found = SIGNATURE.check_table(columns)
    for place, record in enumerate(records):
        problems = list(SIGNATURE.record_problems(record, "m:1"))
        assert [problem["detail"] for problem in found.get(place, [])] == [one["detail"] for one in problems]
        if not problems:
            stored = SIGNATURE.check_record(record, "m:1")
            np.testing.assert_array_equal(SIGNATURE.encode([stored])[0], matrix[place])
            assert SIGNATURE.outside(matrix[place : place + 1]) == SIGNATURE.outside_record(stored)


def test_what_is_stored_is_what_people_write() -> None:
    stored = SIGNATURE.check_record(GOOD, "m:1")
    matrix = SIGNATURE.encode([stored])
    assert matrix.tolist() == [[1, 1, (date(2024, 2, 29) - date(1970, 1, 1)).days, 5.5]]
    assert json.loads(SIGNATURE.to_json(matrix)) == [["INLAND", True, "2024-02-29", 5.5]]
    assert SIGNATURE.decode(np.full((1, 4), np.nan)) == [[None] * 4]


def test_columns_of_parquet_in_their_own_types() -> None:
    noon = datetime(2024, 2, 29, 12, tzinfo=UTC)
    columns = {
        "coast": pa.array(["INLAND", None]).dictionary_encode(),
        "pool": pa.array([None, False]),
        "sold": pa.array([noon, noon], pa.timestamp("ns", "America/Los_Angeles")),
        "rooms": pa.array([3, -1], pa.int16()),
    }
    matrix, problems = SIGNATURE.check_table(columns)
    assert SIGNATURE.decode(matrix)[0] == ["INLAND", None, "2024-02-29T12:00:00Z", 3]
    assert [problem["code"] for problem in problems[1]] == ["missing", "below_minimum"]
    for kind in (pa.date32(), pa.date64(), pa.timestamp("s")):
        days = pa.array([date(2024, 2, 29)], pa.date32()).cast(kind)
        assert SOLD.codes(days).tolist() == [SOLD.encode("2024-02-29")]


def test_moments_that_no_calendar_has() -> None:
    far = pa.array([2**60, -(2**60), 0], pa.timestamp("us"))
    matrix, problems = Signature(inputs=(SOLD,), outputs=("value",)).check_table({"sold": far})
    assert [problem["raw"] for row in range(2) for problem in problems[row]] == [
        f"{2**60} timestamp[us]",
        f"{-(2**60)} timestamp[us]",
    ]
    assert matrix[2].tolist() == [0]


def test_columns_of_another_type() -> None:
    columns = {
        "coast": pa.array([1]),
        "pool": pa.array([1]),
        "sold": pa.array([20240229]),
        "rooms": pa.array(["5"]),
    }
    _, problems = SIGNATURE.check_table(columns)
    assert [problem["code"] for problem in problems[0]] == ["type"] * 4


def test_what_is_beyond_the_training_data_is_counted() -> None:
    rows = [
        ["INLAND", True, "2019-12-31", 21.0],
        ["INLAND", None, "2025-12-31", 1.0],
        ["INLAND", None, "2026-01-01", 2.0],
    ]
    assert SIGNATURE.outside(SIGNATURE.encode(rows)) == {"sold": 2, "rooms": 1}


def test_the_json_schema() -> None:
    schema = SIGNATURE.json_schema("m:1")
    assert schema["properties"]["coast"] == {"type": "string", "enum": ["NEAR BAY", "INLAND", "<1H OCEAN"]}
    assert schema["properties"]["pool"] == {"type": ["boolean", "null"]}
    assert schema["properties"]["sold"]["x-seen"] == ["2020-01-01", "2025-12-31"]
    assert schema["required"] == ["coast", "sold", "rooms"]
    nullable = COAST.model_copy(update={"nullable": True}).json_schema()
    assert nullable == {"type": ["string", "null"], "enum": ["NEAR BAY", "INLAND", "<1H OCEAN", None]}


@pytest.mark.parametrize(
    "inputs",
    [
        [],
        [{"name": "x"}, {"name": "x"}],
        [{"name": "x", "type": "image"}],
        [{"name": "x", "type": "category"}],
        [{"name": "x", "type": "category", "categories": ["a", "a"]}],
        [{"name": "x", "type": "date", "seen": ["2020", "2021"]}],
        [{"name": "x", "minimun": 3}],
    ],
)
def test_signatures_that_are_none(inputs: list[dict[str, Any]]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        Signature.model_validate({"inputs": inputs, "outputs": ["value"]})


def test_a_signature_is_read_as_it_was_written() -> None:
    written = SIGNATURE.model_dump(mode="json")
    assert Signature.model_validate(json.loads(json.dumps(written))) == SIGNATURE
    assert Signature.model_validate({"inputs": [{"name": "x"}], "outputs": ["value"]}).is_numeric


@pytest.mark.parametrize(
    ("labels", "kind", "names"),
    [
        (("a", "b"), "text", ("a", "b")),
        ((0, 1), "integer", ("0", "1")),
        ((True, False), "boolean", ("true", "false")),
        ((0.5, 1.0), "number", ("0.5", "1.0")),
    ],
)
def test_labels_keep_their_type(labels: Any, kind: str, names: tuple[str, ...]) -> None:
    signature = Signature(inputs=(ROOMS,), outputs=("label", "confidence", "probabilities"), labels=labels)
    again = Signature.model_validate(json.loads(signature.model_dump_json()))
    assert [type(label) for label in again.labels] == [type(label) for label in labels]
    assert again.output_types == (kind, "number", "probabilities")
    assert again.label_names == names
