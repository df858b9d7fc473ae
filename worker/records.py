"""What a model is fitted on: typed inputs as a matrix, the target, and what was left out of the table and why."""

import shlex
from collections.abc import Collection
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from shared.errors import Invalid
from shared.features import AnyFeature, Boolean, Category, Date, Number, Numbers
from shared.signature import MOST_FEATURES, Matrix
from worker.columns import Column, Unusable, check_varied, column_of
from worker.leaks import leak
from worker.table import Table

FEWEST_ROWS = 100  # of which 20 are held out
FEWEST_OF_CLASS = 5  # one of them is held out
MOST_CLASSES = 100
FEW_NUMBERS = 10  # so many different whole numbers are taken for classes
TASKS = ("regression", "classification", "clustering")

Labels = NDArray[Any]


@dataclass(frozen=True)
class Records:
    """Rows of typed inputs. `truth` is the target: numbers to predict, or labels."""

    task: str
    table: Table
    inputs: tuple[AnyFeature, ...]
    matrix: Matrix
    target: str | None = None
    truth: Labels | None = None
    inferred: str = ""
    left_out: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()


def records_of(
    table: Table,
    target: str | None = None,
    task: str | None = None,
    leave_out: Collection[str] = (),
    keep: Collection[str] = (),
) -> Records:
    """The records of any table; or Invalid where nothing can be learned from it."""
    check_asked(table, target, task, leave_out, keep)
    check_rows(table.data.num_rows)
    if target is None:
        return with_inputs(Records("clustering", table, (), np.empty((0, 0))), None, leave_out, keep)
    found = target_of(table, target)
    chosen, inferred = (task, "") if task else inferred_task(found)
    rows, warnings = ~np.isnan(found.codes), list(found.warnings)
    if missing := int((~rows).sum()):
        warnings.append(f'{missing:,} rows without "{target}" left out')
    truth, marks, more = labels_of(found, rows) if chosen == "classification" else values_of(found, rows)
    table = replace(table, data=table.data.filter(pa.array(marks)))
    check_rows(table.data.num_rows)
    begun = Records(chosen, table, (), np.empty((0, 0)), target, truth, inferred, (), (*warnings, *more))
    return with_inputs(begun, Column(found.feature, found.values.filter(pa.array(marks))), leave_out, keep)


def check_asked(
    table: Table, target: str | None, task: str | None, leave_out: Collection[str], keep: Collection[str]
) -> None:
    """Refuse a column that is not there, and a task that does not go with the target."""
    names = table.data.column_names
    for asked in [*([target] if target is not None else []), *leave_out, *keep]:
        if asked not in names:
            near = next(iter(get_close_matches(asked, names, n=1)), None)
            hint = f'did you mean "{near}"?' if near else f"there are {', '.join(names[:20])}"
            raise Invalid(f'there is no column "{asked}" in {table.description}; {hint}')
    if task == "clustering" and target is not None:
        raise Invalid(f'clustering has no target; to cluster without "{target}", use --leave-out {target}')
    if task in ("regression", "classification") and target is None:
        raise Invalid(f"{task} needs a column to predict; name it with --target")
    if target in leave_out or target in keep:
        raise Invalid(f'"{target}" is the target, so it is no input; name other columns to leave out or keep')


def check_rows(rows: int) -> None:
    if rows < FEWEST_ROWS:
        raise Invalid(f"{rows} rows are too few to train on; give at least {FEWEST_ROWS}")


def target_of(table: Table, target: str) -> Column:
    try:
        found = column_of(target, table.data[target])
    except Unusable as problem:
        raise Invalid(f'column "{target}" cannot be the target: it {problem.why}') from problem
    if isinstance(found.feature, Date):
        raise Invalid(f'column "{target}" holds dates, which cannot be predicted; make a number of days of them')
    given = found.codes[~np.isnan(found.codes)]
    if len(np.unique(given)) < 2:
        raise Invalid(f'column "{target}" has the same value in every row; there is nothing to learn')
    return found


def inferred_task(target: Column) -> tuple[str, str]:
    """The task that a target asks for, and why."""
    if not isinstance(target.feature, Number):
        return "classification", f"as it holds {'text' if isinstance(target.feature, Category) else 'booleans'}"
    values = np.unique(target.codes[~np.isnan(target.codes)])
    if len(values) <= FEW_NUMBERS and bool((values % 1 == 0).all()):
        return "classification", f"as it holds {len(values)} different whole numbers"
    return "regression", "as it holds numbers"


def values_of(target: Column, rows: NDArray[np.bool_]) -> tuple[Labels, NDArray[np.bool_], list[str]]:
    """The numbers to predict, the rows that have one, and warnings."""
    if not isinstance(target.feature, Number):
        raise Invalid(f'regression needs numbers, but "{target.feature.name}" holds others; use --task classification')
    return target.codes[rows], rows, []


def labels_of(target: Column, rows: NDArray[np.bool_]) -> tuple[Labels, NDArray[np.bool_], list[str]]:
    """The label of each row, the rows whose class is seen often enough, and warnings about the others."""
    name = target.feature.name
    classes, places, counts = np.unique(target.codes[rows], return_inverse=True, return_counts=True)
    often = counts >= FEWEST_OF_CLASS
    if often.sum() > MOST_CLASSES:
        raise Invalid(
            f'column "{name}" has {len(classes):,} classes, at most {MOST_CLASSES} can be told apart; '
            "use --task regression for numbers, or name another target"
        )
    written = labels_as_people_write(target.feature, classes)
    rare = [str(written[place]) for place in np.flatnonzero(~often)]
    why = f"in fewer than {FEWEST_OF_CLASS} rows, too few to learn and to test: {', '.join(rare[:10])}"
    if often.sum() < 2:
        raise Invalid(f'of the classes of "{name}" all but {int(often.sum())} are seen {why}; give more rows of them')
    marks = rows.copy()
    marks[rows] = often[places]
    dropped = int((rows & ~marks).sum())
    warnings = [f'{dropped:,} rows left out, as their classes of "{name}" are seen {why}'] if rare else []
    return written[places[often[places]]], marks, warnings


def labels_as_people_write(feature: AnyFeature, classes: Numbers) -> Labels:
    """Texts, booleans or numbers, whole where all are."""
    if isinstance(feature, Category):
        return np.array([feature.decode(place) for place in classes], dtype=object)
    if isinstance(feature, Boolean):
        return np.asarray(classes == 1)
    return classes.astype(int) if bool((classes % 1 == 0).all()) else classes


def with_inputs(records: Records, target: Column | None, leave_out: Collection[str], keep: Collection[str]) -> Records:
    """The records with each column that can be learned from."""
    columns: list[Column] = []
    left_out: list[tuple[str, str]] = []
    data = records.table.data
    for place, name in enumerate(data.column_names):
        if name == records.target:
            continue
        try:
            if name in leave_out:
                raise Unusable("was asked to be")
            columns.append(usable(data, place, target, kept=name in keep))
        except Unusable as problem:
            if name in keep:
                raise Invalid(f'column "{name}" cannot be kept: it {problem.why}') from problem
            hint = f" (to use it all the same: --keep {shlex.quote(name)})" if problem.may_be_kept else ""
            left_out.append((name, problem.why + hint))
    if not columns:
        why = "; ".join(f'"{name}" {reason}' for name, reason in left_out[:10])
        raise Invalid(f"there is no column to learn from: {why or 'the target is the only one'}")
    if len(columns) > MOST_FEATURES:
        raise Invalid(f"{len(columns):,} columns are too many; a model takes {MOST_FEATURES:,}: leave some out")
    return replace(
        records,
        inputs=tuple(column.feature for column in columns),
        matrix=np.column_stack([column.codes for column in columns]),
        left_out=tuple(left_out),
        warnings=(*records.table.warnings, *records.warnings, *(text for one in columns for text in one.warnings)),
    )


def usable(data: pa.Table, place: int, target: Column | None, kept: bool) -> Column:
    """The column as an input; or Unusable."""
    field = data.schema.field(place)
    description = (field.metadata or {}).get(b"description", b"").decode(errors="replace")
    column = column_of(field.name, data.column(place), description)
    if kept:
        return column
    check_varied(column)
    told = (target.feature, target.codes) if target else (None, None)
    if why := leak(column.feature, column.codes, *told):
        raise Unusable(why, may_be_kept=True)
    return column
