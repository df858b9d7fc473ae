"""What stands in a cell: every type that a file may bring, as CSV and as JSON have it."""

from datetime import date
from itertools import islice
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from shared.errors import Invalid


def flattened(table: Any) -> Any:
    """The table with text for what pyarrow writes into no cell, such as a list, or not by ISO 8601."""
    return pa.table([cells(whole(column)) for column in table.columns], table.column_names)


def cells(array: Any) -> Any:
    if types.is_dictionary(array.type):
        return cells(array.dictionary_decode())
    if types.is_nested(array.type):
        texts = (None if value is None else orjson.dumps(value).decode() for value in listed(array))
        return pa.array(texts, pa.string())
    return as_text(array) if types.is_temporal(array.type) or types.is_string_view(array.type) else array


def whole(column: Any) -> Any:
    return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)


def listed(array: Any) -> list[Any]:
    """The values as JSON has them. Arrow's own `to_pylist` asks for pandas where there are nanoseconds."""
    kind = array.type
    if types.is_dictionary(kind):
        return listed(array.dictionary_decode())
    if types.is_struct(kind):
        return members(array)
    if types.is_map(kind):
        return pairs(array)
    if types.is_nested(kind):
        return items(array)
    if types.is_decimal(kind) and kind.precision <= EXACT_DIGITS:
        return [None if value is None else float(value) for value in array.to_pylist()]
    found: list[Any] = (as_text(array) if types.is_temporal(kind) or types.is_decimal(kind) else array).to_pylist()
    return found


# Every decimal of so many digits is still told from its neighbours as JSON's double; one of a longer type is text.
EXACT_DIGITS = 15


def members(array: Any) -> list[dict[str, Any] | None]:
    names = [array.type.field(place).name for place in range(array.type.num_fields)]
    rows = zip(*map(listed, array.flatten()), strict=True)
    return [
        dict(zip(names, row, strict=True)) if there else None
        for there, row in zip(array.is_valid().to_pylist(), rows, strict=True)
    ]


def pairs(array: Any) -> list[list[list[Any]] | None]:
    """A map's entries: its keys need not be text, nor differ, as the names in an object must."""
    entries = [list(pair) for pair in zip(listed(array.keys), listed(array.items), strict=True)]
    offsets = array.offsets.to_pylist()
    return [
        entries[begin:end] if there else None
        for there, begin, end in zip(array.is_valid().to_pylist(), offsets, offsets[1:], strict=False)
    ]


def items(array: Any) -> list[list[Any] | None]:
    flat = iter(listed(array.flatten()))
    return [None if size is None else list(islice(flat, size)) for size in pc.list_value_length(array).to_pylist()]


def as_text(array: Any) -> Any:
    """The text of each value: moments and days by ISO 8601."""
    if not (types.is_timestamp(array.type) or types.is_date(array.type)):
        return array.cast(pa.string())
    counts = array.cast(pa.int32() if types.is_date32(array.type) else pa.int64())
    plain = in_four_digits(counts, array.type)
    text = pc.if_else(plain, array, pa.scalar(None, array.type)).cast(pa.string())
    text = pc.replace_substring(text, " ", "T", max_replacements=1)
    text = pc.replace_substring_regex(text, r"([+-]\d\d)(\d\d)$", r"\1:\2") if has_zone(array.type) else text
    return pc.if_else(plain, text, counts.cast(pa.string()))


DAY = {"s": 86_400, "ms": 86_400_000, "us": 86_400_000_000}
FIRST, LAST = ((day - date(1970, 1, 1)).days for day in (date.min, date.max))


def in_four_digits(counts: Any, kind: Any) -> Any:
    """Which are in the years 1 to 9999: ISO 8601 has no others, nor pyarrow all. Those are told as they are counted."""
    if types.is_timestamp(kind) and kind.unit == "ns":
        return pc.is_valid(counts)  # 64 bits of nanoseconds end in 2262
    day = 1 if types.is_date32(kind) else DAY["ms" if types.is_date64(kind) else kind.unit]
    return pc.and_(pc.greater_equal(counts, FIRST * day), pc.less(counts, (LAST + 1) * day))


def has_zone(kind: Any) -> bool:
    return types.is_timestamp(kind) and kind.tz is not None


def refuse_unwritable(schema: Any) -> None:
    """Invalid if a column is of a type that not every format of results can hold."""
    for field in schema:
        if not is_writable(field.type):
            detail = (
                f'the column "{field.name[:100]}" is of type {str(field.type)[:100]}, '
                "which results cannot give back in every format; store it as text, or leave it out"
            )
            raise Invalid(detail, [{"code": "type", "column": field.name[:100], "detail": detail}])


# Arrow reads no more than 64 levels of its own files.
DEEPEST = 32
CHECKS = (
    types.is_null,
    types.is_boolean,
    types.is_integer,
    types.is_floating,
    types.is_decimal,
    types.is_string,
    types.is_large_string,
    types.is_string_view,
    types.is_date,
    types.is_time,
    types.is_duration,
)


def is_writable(kind: Any, depth: int = 0) -> bool:
    if types.is_dictionary(kind):
        return is_writable(kind.value_type, depth)
    if types.is_timestamp(kind):
        return is_known_zone(kind)
    if not types.is_nested(kind):
        return any(check(kind) for check in CHECKS)
    if types.is_union(kind) or depth == DEEPEST:
        return False
    inner = [kind.field(place) for place in range(kind.num_fields)]
    is_object = bool(inner) and len({field.name for field in inner}) == len(inner)
    return is_object and all(is_writable(field.type, depth + 1) for field in inner)


def is_known_zone(kind: Any) -> bool:
    try:
        pa.scalar(0, kind).cast(pa.string())
    except pa.ArrowException:
        return False
    return True
