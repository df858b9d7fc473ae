"""One record and a table get the same answers."""

from math import inf, isnan, nan
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Invalid
from shared.features import Number
from shared.signature import Signature

SIGNATURE = Signature(
    inputs=(
        Number(name="latitude", minimum=-90, maximum=90, description="degrees"),
        Number(name="rooms", minimum=0),
        Number(name="bedrooms", nullable=True, seen=(1, 9)),
    ),
    outputs=("value",),
)


def problems(record: object) -> list[dict[str, Any]]:
    with pytest.raises(Invalid) as refused:
        SIGNATURE.check_record(record, "housing:3")
    return refused.value.errors


def test_a_good_record_in_the_order_of_the_signature() -> None:
    assert SIGNATURE.check_record({"rooms": 5, "bedrooms": 2.5, "latitude": -1}, "housing:3") == [-1.0, 5.0, 2.5]


@pytest.mark.parametrize("record", [{"latitude": 1, "rooms": 2}, {"latitude": 1, "rooms": 2, "bedrooms": None}])
def test_what_may_be_missing_may_be_left_out(record: dict[str, Any]) -> None:
    assert SIGNATURE.check_record(record, "housing:3") == [1.0, 2.0, None]


@pytest.mark.parametrize(
    ("value", "code", "detail"),
    [
        (None, "missing", '"rooms" must not be null'),
        ("5", "type", '"rooms" must be a number, not text'),
        (True, "type", '"rooms" must be a number, not a boolean'),
        ([], "type", '"rooms" must be a number, not a list'),
        ({}, "type", '"rooms" must be a number, not an object'),
        (nan, "not_finite", '"rooms" must be a finite number; send null for a missing value'),
        (-inf, "not_finite", '"rooms" must be a finite number; send null for a missing value'),
        (10**400, "not_finite", '"rooms" must be a finite number; send null for a missing value'),
        (-1, "below_minimum", '"rooms" must be at least 0'),
    ],
)
def test_a_bad_value_says_what_is_wrong(value: object, code: str, detail: str) -> None:
    assert problems({"latitude": 1, "rooms": value}) == [{"pointer": "/rooms", "code": code, "detail": detail}]


def test_a_misspelt_feature_names_the_nearest() -> None:
    first, second = problems({"latitude": 1, "romos": 5})
    assert first["detail"] == '"romos" is not a feature of housing:3; did you mean "rooms"?'
    assert second == {"pointer": "/rooms", "code": "missing", "detail": '"rooms" is missing; housing:3 needs it'}


def test_a_strange_name_is_a_json_pointer() -> None:
    assert problems({"latitude": 1, "rooms": 5, "a/b~c": 1})[0]["pointer"] == "/a~1b~0c"


@pytest.mark.parametrize(("record", "got"), [([1], "a list"), ("x", "text"), (None, "null"), (1, "a number")])
def test_what_is_no_object(record: object, got: str) -> None:
    with pytest.raises(Invalid, match=f"must be a JSON object of features, not {got}"):
        SIGNATURE.check_record(record, "housing:3")


VALUES = st.one_of(
    st.none(),
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from([-90.0, 90.0, -90.1, 90.1, 0.0, -0.0, 1e308]),
)


@given(st.lists(st.tuples(VALUES, VALUES, VALUES), min_size=1, max_size=20))
def test_a_table_is_judged_like_its_records(rows: list[tuple[float | None, ...]]) -> None:
    columns = {
        name: pa.array(values, pa.float64())
        for name, values in zip(SIGNATURE.names, zip(*rows, strict=True), strict=True)
    }
    matrix, found = SIGNATURE.check_table(columns)
    for number, row in enumerate(rows):
        record = dict(zip(SIGNATURE.names, row, strict=True))
        if number in found:
            assert [problem["detail"] for problem in found[number]] == [one["detail"] for one in problems(record)]
        else:
            values = [nan if value is None else value for value in SIGNATURE.check_record(record, "housing:3")]
            assert np.array_equal(matrix[number], values, equal_nan=True)


@pytest.mark.parametrize(
    "column",
    [pa.array(["1", None]), pa.array([True, None]), pa.array([[1], None]), pa.array([{"a": 1}, None])],
)
def test_a_column_of_another_type_is_bad_in_every_row(column: Any) -> None:
    numbers = pa.array([1, 2])
    _, found = SIGNATURE.check_table({"latitude": numbers, "rooms": numbers, "bedrooms": column})
    assert list(found) == [0]
    assert found[0][0]["code"] == "type"


def test_whole_numbers_of_any_width_are_numbers() -> None:
    for kind in (pa.int8(), pa.uint64(), pa.float32(), pa.int64()):
        column = pa.array([1, 2], kind)
        matrix, found = SIGNATURE.check_table(dict.fromkeys(SIGNATURE.names, column))
        assert not found
        assert matrix.tolist() == [[1, 1, 1], [2, 2, 2]]


def test_a_column_of_nulls_is_missing() -> None:
    numbers = pa.array([1.0, 2.0])
    matrix, found = SIGNATURE.check_table({"latitude": numbers, "rooms": numbers, "bedrooms": pa.nulls(2)})
    assert not found
    assert all(isnan(value) for value in matrix[:, 2])


def test_json_schema() -> None:
    schema = SIGNATURE.json_schema("housing:3")
    assert schema["required"] == ["latitude", "rooms"]
    assert schema["properties"]["latitude"] == {
        "type": "number",
        "minimum": -90,
        "maximum": 90,
        "description": "degrees",
    }
    assert schema["properties"]["bedrooms"] == {"type": ["number", "null"], "x-seen": [1, 9]}
    assert schema["additionalProperties"] is False
