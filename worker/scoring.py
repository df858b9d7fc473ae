"""From claimed slices to their results: one `predict` for all of them, and bad records found by halving."""

import logging
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import orjson

from shared.features import Problem
from shared.jobs import Claimed, Result
from shared.signature import Matrix
from worker.estimators import Estimator
from worker.models import Model

NO_NUMBER: Problem = {"code": "no_output", "detail": "the model gave no finite number for this record"}

# The output of a record, or what kept it from having one.
Outcome = list[Any] | Problem

log = logging.getLogger(__name__)


def score(model: Model, held: Sequence[Claimed]) -> list[Result]:
    """A result for each slice. Records that were refused when they came have no inputs, and keep their error."""
    rows = [row for claimed in held for row in to_score(claimed)]
    matrix = model.signature.encode(rows)
    if len(rows) == sum(claimed.size for claimed in held) and (results := all_at_once(model, held, matrix)):
        return results
    scored = iter(outcomes(model, matrix) if rows else ())
    return [result(claimed, scored) for claimed in held]


def unsettled(claimed: Claimed) -> int:
    """How many records have neither an output nor an error yet."""
    return len(to_score(claimed)) if claimed.errors or claimed.outputs else claimed.size


def to_score(claimed: Claimed) -> list[list[Any]]:
    """The inputs that have no output yet: a slice that is tried again keeps what was scored before."""
    if claimed.outputs is None:
        return [row for row in claimed.inputs if row is not None]
    pairs = zip(claimed.inputs, claimed.outputs, strict=True)
    return [row for row, output in pairs if row is not None and output is None]


def all_at_once(model: Model, held: Sequence[Claimed], matrix: Matrix) -> list[Result] | None:
    """The results when every record has numbers for its output, as nearly always; else None."""
    try:
        scores = model.estimator.scores(matrix)
    except Exception:  # which records are to blame is for `outcomes` to find
        return None
    if not np.isfinite(scores).all():
        return None
    ends = np.cumsum([claimed.size for claimed in held])
    parts = (as_json(model.estimator, part) for part in np.split(scores, ends[:-1]))
    return [Result(claimed.id, claimed.attempt, part, []) for claimed, part in zip(held, parts, strict=True)]


def as_json(estimator: Estimator, scores: Matrix) -> orjson.Fragment:
    if estimator.rows:
        return orjson.Fragment(orjson.dumps(estimator.rows(scores)))
    return orjson.Fragment(orjson.dumps(np.ascontiguousarray(scores), option=orjson.OPT_SERIALIZE_NUMPY))


def outcomes(model: Model, matrix: Matrix) -> list[Outcome]:
    """The outcome of each row; where the model raises, halves are tried until the rows to blame stand alone."""
    try:
        scores = model.estimator.scores(matrix)
    except Exception as error:
        if len(matrix) == 1:
            log.warning("%s failed on a record: %s", model.ref, type(error).__name__)
            return [{"code": "model_error", "detail": f"{model.ref} failed on this record: {error}"[:500]}]
    else:
        outputs = (model.estimator.rows or np.ndarray.tolist)(np.nan_to_num(scores))
        finite = np.isfinite(scores)
        return [output if row.all() else NO_NUMBER for output, row in zip(outputs, finite, strict=True)]
    middle = len(matrix) // 2
    return outcomes(model, matrix[:middle]) + outcomes(model, matrix[middle:])


def result(claimed: Claimed, scored: Iterator[Outcome]) -> Result:
    outputs: list[list[Any] | None] = []
    errors = list(claimed.errors or [])
    kept = claimed.outputs or [None] * claimed.size
    for offset, (row, before) in enumerate(zip(claimed.inputs, kept, strict=True)):
        outcome = before if row is None or before is not None else next(scored)
        if isinstance(outcome, dict):
            errors.append({"offset": offset, **outcome})
        outputs.append(outcome if isinstance(outcome, list) else None)
    return Result(claimed.id, claimed.attempt, outputs, errors)


def failed(claimed: Claimed, problem: Problem) -> Result:
    """The result of a slice that cannot be scored at all."""
    errors = list(claimed.errors or [])
    kept = claimed.outputs or [None] * claimed.size
    known = {error["offset"] for error in errors} | {offset for offset, output in enumerate(kept) if output is not None}
    errors += [{"offset": offset, **problem} for offset in range(claimed.size) if offset not in known]
    return Result(claimed.id, claimed.attempt, kept, errors)
