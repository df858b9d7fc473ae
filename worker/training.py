"""A fitted model with what its version has to tell: signature, example, metrics and origin."""

import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
from numpy.typing import NDArray
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from shared.signature import OUTPUTS, Label, Matrix, Signature
from worker.columns import seen, typical
from worker.records import Labels, Records

SEED = 42
HELD_OUT = 0.2
FOLDS = 5
# So many errors of rows that a model has not seen give the 90 % interval to about 0.8 points of coverage.
CALIBRATION_ROWS = 1_500
MANY_ROWS = 50_000

Places = NDArray[np.int_]


@dataclass(frozen=True)
class Trained:
    """A fitted model and everything its version is registered with."""

    pipeline: Any
    task: str
    framework: str
    signature: Signature
    example: dict[str, Any]
    metrics: dict[str, Any]
    training: dict[str, Any]


@dataclass(frozen=True)
class Split:
    """The rows to fit and those held out, by their places."""

    fit: Places
    held_out: Places


def split(rows: int, strata: Labels | None = None) -> Split:
    """A fifth of the rows held out; with strata, of each the same share."""
    codes = None if strata is None else np.unique(strata, return_inverse=True)[1]
    fit, held_out = train_test_split(np.arange(rows), test_size=HELD_OUT, random_state=SEED, stratify=codes)
    return Split(fit, held_out)


def folds(rows: int, strata: Labels | None = None) -> Iterator[tuple[Places, Places]]:
    """Rows to fit and rows to look at, as many folds of five as make up enough rows to look at.

    All five would fit the model six times: 3.9 s for the sample instead of 1.3, and coverage is no closer to 90 %.
    """
    if strata is None:
        parts = KFold(FOLDS, shuffle=True, random_state=SEED).split(np.empty(rows))
    else:
        codes = np.unique(strata, return_inverse=True)[1]
        many = max(2, min(FOLDS, int(np.bincount(codes).min())))
        parts = StratifiedKFold(many, shuffle=True, random_state=SEED).split(np.empty(rows), codes)
    looked_at = 0
    for fit, others in parts:
        yield fit, others
        looked_at += len(others)
        if looked_at >= CALIBRATION_ROWS:
            return


def few_threads(rows: int) -> Any:
    """One thread for few rows, two for many: more wait for each other where other processes are busy.

    On a busy machine with four cores the sample took 1.4 s with one thread, and 7 to 18 s with four.
    """
    return threadpool_limits(limits=1 if rows < MANY_ROWS else 2)


def trained(
    records: Records,
    parts: Split,
    pipeline: Pipeline,
    metrics: dict[str, Any],
    began: float,
    labels: Sequence[Label] = (),
) -> Trained:
    """The model with what is told of it."""
    fitted = records.matrix[parts.fit]
    inputs = [seen(feature, fitted[:, place]) for place, feature in enumerate(records.inputs)]
    return Trained(
        pipeline=pipeline,
        task=records.task,
        framework=f"scikit-learn {sklearn.__version__}",
        signature=Signature(inputs=tuple(inputs), outputs=OUTPUTS[records.task], labels=tuple(labels)),
        example=example(records, fitted),
        metrics=metrics,
        training=origin(records, parts, began),
    )


def example(records: Records, rows: Matrix) -> dict[str, Any]:
    """A record of typical values."""
    return {feature.name: typical(feature, rows[:, place]) for place, feature in enumerate(records.inputs)}


def origin(records: Records, parts: Split, began: float) -> dict[str, Any]:
    """What data a model was made of, which rows, by which code, when, and what was left out."""
    return {
        "data": records.table.description,
        "synthetic": records.table.synthetic,
        "sha256": records.table.sha256,
        "target": records.target,
        "task_inferred": records.inferred or None,
        "rows": {"fit": len(parts.fit), "held_out": len(parts.held_out)},
        "left_out": dict(records.left_out),
        "warnings": list(records.warnings),
        "seed": SEED,
        "code": code_version(),
        "trained_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(time.perf_counter() - began, 3),
    }


def code_version() -> str:
    """The version of this code, and in a checkout its commit."""
    written, root, git = version("scoreline-server"), Path(__file__).parents[1], shutil.which("git")
    if git is None or not (root / ".git").exists():
        return written
    command = [git, "-C", str(root), "describe", "--always", "--dirty", "--exclude=*"]
    found = subprocess.run(command, capture_output=True, text=True)  # noqa: S603  nothing of it is given by others
    return f"{written} at {found.stdout.strip()}" if found.returncode == 0 else written
