"""The inputs of a version, each of one type: which values are valid, and how they stand in a matrix of numbers.

A column of a matrix holds a feature in numbers, NaN where a value is missing: a number as it is, a category as its
place among the categories, a boolean as 0 or 1, a date as days since 1970. In JSON each is what people write.
"""

import re
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from math import inf, isfinite
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, field_validator, model_validator

if TYPE_CHECKING:  # 50 MB of memory that a process without tables can do without
    import pyarrow

Numbers = np.ndarray[Any, np.dtype[np.float64]]
Marks = np.ndarray[Any, np.dtype[np.bool_]]
Problem = dict[str, Any]
TYPE_NAMES = {str: "text", bool: "a boolean", list: "a list", dict: "an object", type(None): "null"}
# Trees take no more: scikit-learn's gradient boosting knows 255 categories.
MOST_CATEGORIES = 255
MOST_NAMED = 10
# What people write into a cell where there is nothing. In a column of text these stay text: "NA" may be Namibia.
MISSING = ("na", "n/a", "#n/a", "nan", "null", "none", "nil", "missing", "unknown", "k.a.", "?", "-", "--", ".")
DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|[+-]\d\d:\d\d)?)?")
EPOCH = datetime(1970, 1, 1)
DAY_MILLISECONDS = 86_400_000
FIRST, LAST = -719_162, 2_932_897  # the years 1 to 9999, in days since 1970


class Feature(BaseModel):
    """What all inputs have in common. `a` says what a value must be."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    a: ClassVar[str]

    name: str = Field(min_length=1, max_length=200)
    nullable: bool = False
    description: str = ""

    @field_validator("name")
    @classmethod
    def can_head_a_column(cls, name: str) -> str:
        """A reader of CSV takes spaces at the ends away."""
        if name != name.strip() or not name.isprintable():
            raise ValueError("a name has no space at its ends, and only characters that can be printed")
        return name

    @model_validator(mode="after")
    def range_in_order(self) -> Self:
        if self.range and not self.range[0] <= self.range[1]:
            raise ValueError("what was seen must be the lowest and the highest value, in this order")
        return self

    def check_value(self, value: object) -> Problem | None:
        """What is wrong with this value; None if nothing is."""
        if value is None:
            return None if self.nullable else self.absent
        return self.check_given(value)

    def check_given(self, value: object) -> Problem | None:
        raise NotImplementedError

    def encode(self, value: Any) -> float:
        """The number for a value that is valid and not missing."""
        raise NotImplementedError

    def decode(self, number: float) -> Any:
        """What JSON has for a number of the matrix that is not NaN."""
        raise NotImplementedError

    def codes(self, column: "pyarrow.Array[Any]") -> Numbers:
        """A column in numbers, NaN where it is missing or of another type."""
        raise NotImplementedError

    def json_type(self) -> dict[str, Any]:
        raise NotImplementedError

    def suspects(self, values: Numbers, missing: Marks) -> Marks:
        """Which rows of a column break a rule."""
        return np.isnan(values) & ~(missing & self.nullable)

    @property
    def range(self) -> tuple[float, float] | None:
        """What was seen in training, in numbers; None for a type that has no range."""
        return None

    def outside(self, values: Numbers) -> int:
        """How many of these are beyond what was seen in training."""
        if self.range is None:
            return 0
        low, high = self.range
        return int(np.count_nonzero((values < low) | (values > high)))

    def is_outside(self, value: Any) -> bool:
        return self.range is not None and not self.range[0] <= self.encode(value) <= self.range[1]

    @property
    def absent(self) -> Problem:
        """What is wrong where there must be a value and is none."""
        return self.problem("missing", "must not be null")

    def problem(self, code: str, rule: str) -> Problem:
        return {"code": code, "column": self.name, "detail": f'"{self.name}" {rule}'}

    def mistyped(self, got: str) -> Problem:
        return self.problem("type", f"must be {self.a}, not {got}")

    def json_schema(self) -> dict[str, Any]:
        schema = self.json_type() | ({"description": self.description} if self.description else {})
        if not self.nullable:
            return schema
        choices = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
        return schema | {"type": [schema["type"], "null"]} | choices


class Number(Feature):
    """`minimum` and `maximum` are limits; `seen` is the range of the training data."""

    a: ClassVar = "a number"
    type: Literal["number"] = "number"
    minimum: float | None = None
    maximum: float | None = None
    seen: tuple[float, float] | None = None

    def check_given(self, value: object) -> Problem | None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return self.mistyped(named_type(value))
        if not isfinite(as_float(value)):
            return self.problem("not_finite", "must be a finite number; send null for a missing value")
        if self.minimum is not None and value < self.minimum:
            return self.problem("below_minimum", f"must be at least {self.minimum:g}")
        if self.maximum is not None and value > self.maximum:
            return self.problem("above_maximum", f"must be at most {self.maximum:g}")
        return None

    def encode(self, value: Any) -> float:
        return float(value)

    def decode(self, number: float) -> float:
        return number

    def codes(self, column: "pyarrow.Array[Any]") -> Numbers:
        import pyarrow as pa

        kind = column.type
        if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
            return to_numpy(column.cast(pa.float64(), safe=False))
        return np.full(len(column), np.nan)

    def suspects(self, values: Numbers, missing: Marks) -> Marks:
        low = -inf if self.minimum is None else self.minimum
        high = inf if self.maximum is None else self.maximum
        fine = np.isfinite(values) & (values >= low) & (values <= high)
        return ~fine & ~(missing & self.nullable)

    @property
    def range(self) -> tuple[float, float] | None:
        return self.seen

    def json_type(self) -> dict[str, Any]:
        limits = {"minimum": self.minimum, "maximum": self.maximum}
        seen = {"x-seen": list(self.seen)} if self.seen else {}
        return {"type": "number", **{name: value for name, value in limits.items() if value is not None}, **seen}


class Category(Feature):
    """One of a few texts."""

    a: ClassVar = "text"
    type: Literal["category"] = "category"
    categories: tuple[str, ...] = Field(min_length=1, max_length=MOST_CATEGORIES)

    @field_validator("categories")
    @classmethod
    def each_once(cls, categories: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(categories)) < len(categories):
            raise ValueError("a category is there twice")
        if any(category != category.strip() or "\0" in category for category in categories):
            raise ValueError("a category has no space at its ends, which a reader of CSV takes away, and no NUL")
        return categories

    @cached_property
    def places(self) -> dict[str, int]:
        return {category: place for place, category in enumerate(self.categories)}

    def check_given(self, value: object) -> Problem | None:
        if not isinstance(value, str):
            return self.mistyped(named_type(value))
        if value in self.places:
            return None
        shown = ", ".join(f'"{category}"' for category in self.categories[:MOST_NAMED])
        more = f" or {len(self.categories) - MOST_NAMED} more" if len(self.categories) > MOST_NAMED else ""
        near = self.nearest(value)
        hint = f'; did you mean "{near}"?' if near else ""
        return self.problem("unknown_category", f'must be one of {shown}{more}, not "{shortened(value)}"{hint}')

    def nearest(self, value: str) -> str | None:
        from difflib import get_close_matches

        folded = {category.casefold().strip(): category for category in self.categories}
        return next((folded[near] for near in get_close_matches(value[:100].casefold().strip(), folded, n=1)), None)

    def encode(self, value: Any) -> float:
        return float(self.places[value])

    def decode(self, number: float) -> str:
        return self.categories[int(number)]

    def codes(self, column: "pyarrow.Array[Any]") -> Numbers:
        import pyarrow as pa
        import pyarrow.compute as pc

        kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
            return np.full(len(column), np.nan)
        found = pc.index_in(column.cast(kind), pa.array(self.categories, kind))
        return to_numpy(found)

    def json_type(self) -> dict[str, Any]:
        return {"type": "string", "enum": list(self.categories)}


class Boolean(Feature):
    a: ClassVar = "true or false"
    type: Literal["boolean"] = "boolean"

    def check_given(self, value: object) -> Problem | None:
        return None if isinstance(value, bool) else self.mistyped(named_type(value))

    def encode(self, value: Any) -> float:
        return float(value)

    def decode(self, number: float) -> bool:
        return number == 1

    def codes(self, column: "pyarrow.Array[Any]") -> Numbers:
        import pyarrow as pa

        if not pa.types.is_boolean(column.type):
            return np.full(len(column), np.nan)
        return to_numpy(column.cast(pa.uint8()))

    def json_type(self) -> dict[str, Any]:
        return {"type": "boolean"}


class Date(Feature):
    """A day, or a moment: without a zone it is in UTC. `seen` is the range of the training data."""

    a: ClassVar = "a date such as 2026-01-31 or 2026-01-31T12:00:00Z"
    type: Literal["date"] = "date"
    seen: tuple[str, str] | None = None

    @model_validator(mode="after")
    def range_of_dates(self) -> Self:
        if self.seen and not all(map(is_date, self.seen)):
            raise ValueError("the range that was seen must be two dates, such as 2026-01-31")
        return self

    def check_given(self, value: object) -> Problem | None:
        if not isinstance(value, str):
            return self.mistyped(named_type(value))
        return None if is_date(value) else self.mistyped(f'"{shortened(value)}"')

    def encode(self, value: Any) -> float:
        return days(value)

    def decode(self, number: float) -> str:
        return date_text(number)

    def codes(self, column: "pyarrow.Array[Any]") -> Numbers:
        import pyarrow as pa

        kind = column.type
        if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
            days_found = to_numpy(in_milliseconds(column).cast(pa.int64())) / DAY_MILLISECONDS
            return np.where((days_found >= FIRST) & (days_found < LAST), days_found, np.nan)
        if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
            return np.full(len(column), np.nan)
        once = column.dictionary_encode()  # a column of dates has few different ones
        read = [days(text) if is_date(text) else np.nan for text in once.dictionary.to_pylist()]
        return to_numpy(pa.array([*read, np.nan]).take(once.indices.fill_null(len(read))))

    @cached_property
    def range(self) -> tuple[float, float] | None:
        return (days(self.seen[0]), days(self.seen[1])) if self.seen else None

    def json_type(self) -> dict[str, Any]:
        schema: dict[str, Any] = {"type": "string", "pattern": f"^{DATE.pattern}$", "examples": ["2026-01-31"]}
        return schema | ({"x-seen": list(self.seen)} if self.seen else {})


def type_of(written: Any) -> Any:
    """A number, where nothing else is said."""
    return written.get("type", "number") if isinstance(written, dict) else getattr(written, "type", None)


AnyFeature = Annotated[
    Annotated[Number, Tag("number")]
    | Annotated[Category, Tag("category")]
    | Annotated[Boolean, Tag("boolean")]
    | Annotated[Date, Tag("date")],
    Discriminator(type_of),
]


def named_type(value: object) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "a number"
    return TYPE_NAMES.get(type(value), type(value).__name__)


def shortened(text: str) -> str:
    return text if len(text) <= 50 else text[:50] + "..."


def as_float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return inf


def is_date(text: str) -> bool:
    if not DATE.fullmatch(text):
        return False
    try:
        days(text)
    except (ValueError, OverflowError):  # the 30th of February, or in UTC the year 10000
        return False
    return True


def days(text: str) -> float:
    """Days since 1970 in UTC, to the millisecond: of the year 9999 a float has no more."""
    moment = datetime.fromisoformat(text)
    moment -= timedelta(microseconds=moment.microsecond % 1000)
    moment = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    return (moment - EPOCH) / timedelta(days=1)


def date_text(number: float) -> str:
    """The date as people write it: a day, or a moment in UTC."""
    moment = EPOCH + timedelta(milliseconds=round(number * DAY_MILLISECONDS))
    if moment.time() == datetime.min.time():
        return date.isoformat(moment)
    return moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds") + "Z"


def to_numpy(column: "pyarrow.Array[Any]") -> Numbers:
    """A column of numbers, NaN where it is missing."""
    import pyarrow as pa

    numbers: Numbers = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return numbers


def in_milliseconds(column: "pyarrow.Array[Any]") -> "pyarrow.Array[Any]":
    """Days as moments, and moments in UTC, whatever zone they are shown in."""
    import pyarrow as pa

    return column.cast(pa.timestamp("ms", getattr(column.type, "tz", None)), safe=False)
