"""What is written in the cells of a CSV file, for each type of feature."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shared.features import MISSING, Boolean, Category, Feature, Number

NUMBER = {".": r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$", ",": r"^[+-]?(\d+,?\d*|,\d+)([eE][+-]?\d+)?$"}
YES, NO = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")


class Read(NamedTuple):
    """A column as its feature wants it, and the cells that are of another type, by their place."""

    column: Any
    mistyped: Mapping[int, str]


def read(feature: Feature, column: Any, point: str) -> Read:
    """The values of a column of text, null where a cell is empty or mistyped.

    Where a value may be missing, what people write for nothing is as good as an empty cell: training reads it so, too.
    """
    text = pc.utf8_trim_whitespace(column)
    text = pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)
    if feature.nullable and not isinstance(feature, Category):
        nothing = pc.is_in(pc.utf8_lower(text), pa.array(MISSING))
        text = pc.if_else(nothing, pa.scalar(None, pa.string()), text)
    if isinstance(feature, Number):
        values = numbers(text, point)
    elif isinstance(feature, Boolean):
        values = booleans(text)
    else:
        return Read(text, {})
    bad = pc.and_(pc.is_valid(text), pc.is_null(values)).to_numpy()
    return Read(values, {place: text[place].as_py() for place in np.flatnonzero(bad).tolist()})


def numbers(text: Any, point: str) -> Any:
    fine = pc.match_substring_regex(text, NUMBER[point])
    digits = pc.replace_substring(pc.utf8_ltrim(text, "+"), ",", ".") if point == "," else pc.utf8_ltrim(text, "+")
    values = pc.cast(pc.if_else(fine, digits, pa.scalar(None, pa.string())), pa.float64())
    return pc.if_else(pc.is_finite(values), values, pa.scalar(None, pa.float64()))


def booleans(text: Any) -> Any:
    """As people and programs write them."""
    lower = pc.utf8_lower(text)
    truths = pc.is_in(lower, pa.array(YES))
    return pc.if_else(pc.or_(truths, pc.is_in(lower, pa.array(NO))), truths, pa.scalar(None, pa.bool_()))


def decimal_point(texts: Iterable[Any]) -> str:
    """What most cells with a fraction have; in those with the other it parts thousands, and they are no numbers."""
    counts = {".": 0, ",": 0}
    for text in texts:
        for mark in counts:
            counts[mark] += pc.sum(pc.match_substring(text, mark)).as_py() or 0
    return max(counts, key=lambda mark: counts[mark])
