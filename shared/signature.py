"""What a version takes and gives: the one place that knows which input is valid.

`check_value` holds the rules. A record runs through it value by value; a table is looked through in whole columns
for rows that could break a rule, and only those come back to `check_value`, so both ways say the same.
"""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from itertools import islice
from math import inf, isfinite
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from shared.errors import Invalid

if TYPE_CHECKING:  # 50 MB of memory that a process without tables can do without
    import pyarrow

Matrix = np.ndarray[tuple[int, int], np.dtype[np.float64]]
Problem = dict[str, Any]
MOST_PROBLEMS = 100
RAW_CHARACTERS = 200
TYPE_NAMES = {str: "text", bool: "a boolean", list: "a list", dict: "an object", type(None): "null"}


class Feature(BaseModel):
    """One input. `minimum` and `maximum` are limits; `seen` is the range of the training data."""

    model_config = ConfigDict(frozen=True)

    name: str
    type: Literal["number"] = "number"
    nullable: bool = False
    minimum: float | None = None
    maximum: float | None = None
    seen: tuple[float, float] | None = None
    description: str = ""

    def check_value(self, value: object) -> Problem | None:
        """What is wrong with this value; None if nothing is."""
        if value is None:
            return None if self.nullable else self.absent
        if isinstance(value, bool) or not isinstance(value, int | float):
            return self.problem("type", f"must be a number, not {TYPE_NAMES.get(type(value), type(value).__name__)}")
        if not isfinite(as_float(value)):
            return self.problem("not_finite", "must be a finite number; send null for a missing value")
        if self.minimum is not None and value < self.minimum:
            return self.problem("below_minimum", f"must be at least {self.minimum:g}")
        if self.maximum is not None and value > self.maximum:
            return self.problem("above_maximum", f"must be at most {self.maximum:g}")
        return None

    @property
    def absent(self) -> Problem:
        """What is wrong where there must be a value and is none."""
        return self.problem("missing", "must not be null")

    def problem(self, code: str, rule: str) -> Problem:
        return {"code": code, "column": self.name, "detail": f'"{self.name}" {rule}'}

    def suspects(
        self, values: np.ndarray[Any, np.dtype[np.float64]], missing: np.ndarray[Any, np.dtype[np.bool_]]
    ) -> Any:
        """Which rows of a column of numbers break a rule."""
        low = -inf if self.minimum is None else self.minimum
        high = inf if self.maximum is None else self.maximum
        fine = np.isfinite(values) & (values >= low) & (values <= high)
        return ~fine & ~(missing & self.nullable)

    def json_schema(self) -> dict[str, Any]:
        limits = {"minimum": self.minimum, "maximum": self.maximum, "description": self.description or None}
        return {
            "type": ["number", "null"] if self.nullable else "number",
            **{name: value for name, value in limits.items() if value is not None},
            **({"x-seen": list(self.seen)} if self.seen else {}),
        }


class Signature(BaseModel):
    """The inputs in the order in which they are stored, and the names of the outputs in theirs."""

    model_config = ConfigDict(frozen=True)

    inputs: tuple[Feature, ...]
    outputs: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(feature.name for feature in self.inputs)

    def check_record(self, record: object, version: str) -> list[float | None]:
        """The values in the signature's order; or Invalid with every problem of the record."""
        if not isinstance(record, dict):
            got = TYPE_NAMES.get(type(record), "a number")
            raise Invalid(f"a record must be a JSON object of features, not {got}")
        problems = list(islice(self.record_problems(record, version), MOST_PROBLEMS))
        if problems:
            raise Invalid(summary(problems), [as_pointer(problem) for problem in problems])
        return [None if (value := record.get(name)) is None else as_float(value) for name in self.names]

    def record_problems(self, record: Mapping[str, object], version: str) -> Iterator[Problem]:
        for name in record:
            if name not in self.names:
                yield self.unknown(name, version)
        for feature in self.inputs:
            if feature.name not in record and not feature.nullable:
                yield feature.problem("missing", f"is missing; {version} needs it")
            elif problem := feature.check_value(record.get(feature.name)):
                yield problem

    def unknown(self, name: str, version: str) -> Problem:
        """The problem of a name that is no feature, with the nearest one that is."""
        detail = f'"{name[:100]}" is not a feature of {version}'
        if near := self.nearest(name):
            detail += f'; did you mean "{near}"?'
        return {"code": "unknown_feature", "column": name[:100], "detail": detail}

    def nearest(self, name: str) -> str | None:
        """The feature that is written almost like this."""
        return next(iter(get_close_matches(name[:100], self.names, n=1)), None)

    def check_table(
        self, columns: "Mapping[str, pyarrow.Array[Any]]", without: Sequence[int] = ()
    ) -> tuple[Matrix, dict[int, list[Problem]]]:
        """The values in the signature's order, NaN where missing, and the problems of each row that has any.

        Rows in `without` are not looked at: it is known what is wrong with them.
        """
        rows = len(next(iter(columns.values())))
        matrix: Matrix = np.full((rows, len(self.inputs)), np.nan)
        problems: dict[int, list[Problem]] = {}
        for position, feature in enumerate(self.inputs):
            column = columns[feature.name]
            values, missing = as_numbers(column)
            matrix[:, position] = values
            suspects = feature.suspects(values, missing)
            suspects[list(without)] = False
            for row in np.flatnonzero(suspects & missing).tolist():
                problems.setdefault(row, []).append(feature.absent)
            for row in np.flatnonzero(suspects & ~missing).tolist():
                value = column[row].as_py()
                if problem := feature.check_value(value if np.isnan(values[row]) else float(values[row])):
                    problems.setdefault(row, []).append({**problem, "raw": str(value)[:RAW_CHARACTERS]})
        return matrix, problems

    def json_schema(self, title: str) -> dict[str, Any]:
        """The JSON Schema of a record."""
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": title,
            "type": "object",
            "properties": {feature.name: feature.json_schema() for feature in self.inputs},
            "required": [feature.name for feature in self.inputs if not feature.nullable],
            "additionalProperties": False,
        }


def as_float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return inf


def as_numbers(column: "pyarrow.Array[Any]") -> tuple[Any, Any]:
    """A column as floats, NaN where there is no number, and which of its rows are missing."""
    import pyarrow as pa

    missing = column.is_null().to_numpy(zero_copy_only=False)
    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), missing
    return np.full(len(column), np.nan), missing


def summary(problems: list[Problem]) -> str:
    first = problems[0]["detail"]
    return first if len(problems) == 1 else f"{first}; and {len(problems) - 1} more"


def as_pointer(problem: Problem) -> Problem:
    """The same problem for a JSON record: where it stands is a JSON Pointer."""
    name = problem["column"].replace("~", "~0").replace("/", "~1")
    return {"pointer": f"/{name}", "code": problem["code"], "detail": problem["detail"]}
