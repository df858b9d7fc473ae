"""CSV that is safe to open in a spreadsheet: text that one would run as a formula stays text."""

from collections.abc import Collection
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from api.cells import flattened, whole

# What begins a formula, also in its wide and small forms, behind blanks and quotes, which some spreadsheets skip.
FORMULA = r"""^([\x00-\x20\x{85}"'\p{Z}\p{Cf}]*[=+\-@＝＋－＠﹦﹢﹣﹫]|[\t\r\n])"""  # noqa: RUF001
# -12.5 and +1,5e3 compute nothing, and a longitude with an apostrophe would be no number any more.
NUMBER = r"^\s*[+-]?[0-9.,]*[0-9][0-9.,]*([eE][+-]?[0-9]+)?\s*$"


def harmless(table: Any, trusted: Collection[str] = ()) -> Any:
    """The table with an apostrophe before each text, and each name of a column, that would be a formula.

    Columns that are trusted stay as they are: their texts are the model's.
    """
    table = flattened(table)
    columns = [
        column if name in trusted else escaped(whole(column))
        for name, column in zip(table.column_names, table.columns, strict=True)
    ]
    names: list[str] = escaped(pa.array(table.column_names, pa.string())).to_pylist()
    return pa.table(columns, names)


def escaped(array: Any) -> Any:
    if not (types.is_string(array.type) or types.is_large_string(array.type)):
        return array
    suspect = pc.match_substring_regex(array, FORMULA)
    if not pc.any(suspect).as_py():
        return array
    runs = pc.and_not(suspect, pc.match_substring_regex(array, NUMBER))
    quoted = pc.binary_join_element_wise(pa.scalar("'", array.type), array, pa.scalar("", array.type))
    return pc.if_else(runs, quoted, array)
