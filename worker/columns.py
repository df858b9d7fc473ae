"""Which input a column of a table becomes: its type is inferred from what it holds."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shared.features import (
    MOST_CATEGORIES,
    AnyFeature,
    Boolean,
    Category,
    Date,
    Number,
    Numbers,
    date_text,
    is_date,
)

# Numbers of days, of the years 1 to 9999: what a date can be written with.
DAYS = (-719_162, 2_932_896)
NAME_CHARACTERS = 200


class Unusable(Exception):
    """Why a column is left out; `may_be_kept` if whoever trains may overrule that."""

    def __init__(self, why: str, may_be_kept: bool = False) -> None:
        super().__init__(why)
        self.why, self.may_be_kept = why, may_be_kept


@dataclass(frozen=True)
class Column:
    """A column as an input takes it, null where a value is missing, and what had to be changed for that."""

    feature: AnyFeature
    values: pa.Array
    warnings: tuple[str, ...] = ()

    @cached_property
    def codes(self) -> Numbers:
        return self.feature.codes(self.values)


def column_of(name: str, values: pa.Array, description: str = "") -> Column:
    """The column with its type, or Unusable."""
    check_name(name)
    values = plain(values)
    common = {"name": name, "description": description}
    kind = values.type
    if pa.types.is_boolean(kind):
        column = Column(Boolean(**common), values)
    elif pa.types.is_string(kind):
        column = of_text(common, values)
    elif pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        column = of_dates(common, values)
    elif pa.types.is_null(kind):
        raise Unusable("is empty")
    elif pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        column = of_numbers(common, values)
    else:
        raise Unusable(f"holds {kind}; only numbers, text, booleans and dates can be learned from")
    if column.values.null_count == len(values):
        raise Unusable("is empty")
    feature = column.feature.model_copy(update={"nullable": column.values.null_count > 0})
    return Column(feature, column.values, column.warnings)


def check_name(name: str) -> None:
    if not name.strip():
        raise Unusable("has no name")
    if len(name) > NAME_CHARACTERS or not name.isprintable() or name != name.strip():
        raise Unusable(
            f"has a name that is longer than {NAME_CHARACTERS} characters, cannot be printed, or has a space at "
            "its ends; rename it"
        )


def plain(values: pa.Array) -> pa.Array:
    """One array, text as one type of text, and an empty text as missing: an empty cell of a CSV file is, too."""
    values = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if pa.types.is_large_string(values.type) or pa.types.is_string_view(values.type):
        values = values.cast(pa.string())
    if pa.types.is_string(values.type):
        values = pc.utf8_trim_whitespace(values)
        values = pc.if_else(pc.equal(values, ""), pa.scalar(None, pa.string()), values)
    return values


def of_numbers(common: dict[str, Any], values: pa.Array) -> Column:
    numbers = values.cast(pa.float64(), safe=False)
    finite = pc.is_finite(numbers)
    endless = pc.sum(pc.is_inf(numbers)).as_py() or 0
    name = common["name"]
    warning = f'"{name}" is infinite in {endless:,} rows, read as missing; send null for those' if endless else ""
    return Column(
        Number(**common),
        pc.if_else(finite, numbers, pa.scalar(None, pa.float64())),
        (warning,) if warning else (),
    )


def of_dates(common: dict[str, Any], values: pa.Array) -> Column:
    days = Date(**common).codes(values)
    beyond = pa.array((days < DAYS[0]) | (days > DAYS[1]))
    values = pc.if_else(beyond, pa.scalar(None, values.type), values)
    return Column(Date(**common), values)


def of_text(common: dict[str, Any], values: pa.Array) -> Column:
    """Dates where every text is one, else categories where they are few."""
    different = values.unique().drop_null()
    if len(different) and is_date(different[0].as_py()) and all(map(is_date, different.to_pylist())):
        return Column(Date(**common), values)
    many, rows = len(different), len(values) - values.null_count
    if many > MOST_CATEGORIES:
        why = "in every row another, as an id has" if many == rows else f"a category has at most {MOST_CATEGORIES}"
        raise Unusable(f"has {many:,} different texts: {why}")
    categories = tuple(sorted(different.to_pylist()))
    return Column(Category(categories=categories, **common) if categories else Number(**common), values)


def check_varied(column: Column) -> None:
    """Unusable where the rows do not differ enough, or all differ, so that there is nothing to learn."""
    codes = column.codes
    many, rows = len(np.unique(codes[~np.isnan(codes)])), len(codes)
    if many == 1 and not np.isnan(codes).any():
        raise Unusable("has the same value in every row", may_be_kept=True)
    if isinstance(column.feature, Category) and many > rows / 2:
        raise Unusable(f"has {many:,} different texts in {rows:,} rows: nearly each has its own", may_be_kept=True)


def seen(feature: AnyFeature, codes: Numbers) -> AnyFeature:
    """The feature with the range of the rows that a model was fitted on."""
    if not isinstance(feature, Number | Date) or np.isnan(codes).all():
        return feature
    low, high = float(np.nanmin(codes)), float(np.nanmax(codes))
    if isinstance(feature, Date):
        return feature.model_copy(update={"seen": (date_text(low), date_text(high))})
    return feature.model_copy(update={"seen": (low, high)})


def typical(feature: AnyFeature, codes: Numbers) -> Any:
    """A value as people would write it: the middle one of numbers and dates, the most common one of others."""
    given = codes[~np.isnan(codes)]
    if not len(given):
        return None
    if isinstance(feature, Number):
        median = float(np.median(given))
        return round(median) if bool((given % 1 == 0).all()) else round(median, 4)
    if isinstance(feature, Date):
        return feature.decode(float(np.floor(np.median(given))))
    values, counts = np.unique(given, return_counts=True)
    return feature.decode(float(values[counts.argmax()]))
