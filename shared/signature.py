"""What a version takes and gives: the one place that knows which input is valid.

Each feature holds its rules. A record runs through them value by value; a table is looked through in whole columns
for rows that could break a rule, and only those come back to `check_value`, so both ways say the same.
"""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import orjson
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr, model_validator

from shared.errors import Invalid
from shared.features import AnyFeature, Number, Problem, named_type

if TYPE_CHECKING:  # 50 MB of memory that a process without tables can do without
    import pyarrow

Matrix = np.ndarray[tuple[int, int], np.dtype[np.float64]]
Label = StrictBool | StrictInt | StrictFloat | StrictStr
OutputType = Literal["number", "integer", "boolean", "text", "probabilities"]
MOST_PROBLEMS = 100
MOST_FEATURES = 1_000
RAW_CHARACTERS = 200
OUTPUTS = {
    "regression": ("value", "low", "high"),
    "classification": ("label", "confidence", "probabilities"),
    "clustering": ("label", "distance"),
}
LABEL_TYPES: dict[type, OutputType] = {bool: "boolean", int: "integer", float: "number", str: "text"}


class Signature(BaseModel):
    """The inputs in the order in which they are stored, and the names of the outputs in theirs.

    `labels` are the classes or clusters of a model that tells one, in the order of its probabilities.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    inputs: tuple[AnyFeature, ...] = Field(min_length=1, max_length=MOST_FEATURES)
    outputs: tuple[str, ...]
    labels: tuple[Label, ...] = ()

    @model_validator(mode="after")
    def each_name_once(self) -> Self:
        if len(set(self.names)) < len(self.names):
            raise ValueError("two inputs have the same name")
        if len(set(self.label_names)) < len(self.labels):
            raise ValueError("two labels are written the same")
        return self

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(feature.name for feature in self.inputs)

    @cached_property
    def is_numeric(self) -> bool:
        """Whether a matrix holds the inputs as JSON does."""
        return all(isinstance(feature, Number) for feature in self.inputs)

    @cached_property
    def output_types(self) -> tuple[OutputType, ...]:
        kinds = {type(label) for label in self.labels} or {int}  # clusters have numbers, also where nobody counted them
        label = LABEL_TYPES[kinds.pop()] if len(kinds) == 1 else "text"
        known: dict[str, OutputType] = {"label": label, "probabilities": "probabilities"}
        return tuple(known.get(name, "number") for name in self.outputs)

    @cached_property
    def label_names(self) -> tuple[str, ...]:
        """The labels as text: the names of the probabilities."""
        return tuple(label if isinstance(label, str) else orjson.dumps(label).decode() for label in self.labels)

    def check_record(self, record: object, version: str) -> list[Any]:
        """The values in the signature's order; or Invalid with every problem of the record."""
        if not isinstance(record, dict):
            raise Invalid(f"a record must be a JSON object of features, not {named_type(record)}")
        problems = list(islice(self.record_problems(record, version), MOST_PROBLEMS))
        if problems:
            raise Invalid(summary(problems), [as_pointer(problem) for problem in problems])
        return [as_stored(record.get(name)) for name in self.names]

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
            values, missing = feature.codes(column), column.is_null().to_numpy(zero_copy_only=False)
            matrix[:, position] = values
            suspects = feature.suspects(values, missing)
            suspects[list(without)] = False
            for row in np.flatnonzero(suspects & missing).tolist():
                problems.setdefault(row, []).append(feature.absent)
            for row in np.flatnonzero(suspects & ~missing).tolist():
                value = value_of(column[row])
                if problem := feature.check_value(value if np.isnan(values[row]) else float(values[row])):
                    problems.setdefault(row, []).append({**problem, "raw": str(value)[:RAW_CHARACTERS]})
        return matrix, problems

    def encode(self, rows: Sequence[Sequence[Any]]) -> Matrix:
        """A matrix of valid rows, as they are stored."""
        if self.is_numeric:
            return np.array(rows, dtype=float).reshape(len(rows), len(self.inputs))
        matrix: Matrix = np.full((len(rows), len(self.inputs)), np.nan)
        for position, (feature, values) in enumerate(zip(self.inputs, zip(*rows, strict=True), strict=False)):
            matrix[:, position] = [np.nan if value is None else feature.encode(value) for value in values]
        return matrix

    def decode(self, matrix: Matrix) -> list[list[Any]]:
        """The rows as they are stored: what JSON has, null where a value is missing."""
        columns = (
            [None if number != number else feature.decode(number) for number in matrix[:, position].tolist()]
            for position, feature in enumerate(self.inputs)
        )
        return [list(row) for row in zip(*columns, strict=True)]

    def to_json(self, matrix: Matrix) -> bytes:
        """The same as JSON; 10,000 rows of numbers are written by NumPy ten times as fast as from Python's lists."""
        if self.is_numeric:
            return orjson.dumps(np.ascontiguousarray(matrix), option=orjson.OPT_SERIALIZE_NUMPY)
        return orjson.dumps(self.decode(matrix))

    def outside(self, matrix: Matrix) -> dict[str, int]:
        """How many rows are beyond what was seen in training, by the features of which that is so."""
        found = ((one.name, one.outside(matrix[:, place])) for place, one in enumerate(self.inputs))
        return {name: many for name, many in found if many}

    def outside_record(self, values: Sequence[Any]) -> dict[str, int]:
        """The same for a valid record as it is stored."""
        given = ((one, value) for one, value in zip(self.inputs, values, strict=True) if value is not None)
        return {one.name: 1 for one, value in given if one.is_outside(value)}

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


def value_of(scalar: Any) -> Any:
    """What Python has for it; a moment that Python cannot hold is told as it is counted."""
    try:
        return scalar.as_py()
    except (ValueError, OverflowError, ImportError):
        return f"{scalar.value} {scalar.type}"


def as_stored(value: Any) -> Any:
    """A number in the form of a matrix, so that a record is stored alike whichever way it came."""
    return float(value) if type(value) is int else value


def summary(problems: list[Problem]) -> str:
    first = problems[0]["detail"]
    return first if len(problems) == 1 else f"{first}; and {len(problems) - 1} more"


def as_pointer(problem: Problem) -> Problem:
    """The same problem for a JSON record: where it stands is a JSON Pointer."""
    name = problem["column"].replace("~", "~0").replace("/", "~1")
    return {"pointer": f"/{name}", "code": problem["code"], "detail": problem["detail"]}
