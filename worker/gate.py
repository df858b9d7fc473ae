"""The load gate: an artefact is unpickled only if its bytes are the registered ones and its maker is compatible, and
it scores only if it says of the example what it is to say. What is wrong here stays wrong: the version has failed.
"""

import math
import pickle
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from typing import Any

import joblib
import numpy as np
import orjson
import sklearn
from sklearn.exceptions import InconsistentVersionWarning

from shared.errors import ScorelineError
from shared.signature import Matrix, Signature
from shared.tables import Version
from worker.estimators import Estimator, estimator_of

# Sums in another order, on another processor, differ by 1e-12 or so; another model by far more.
TOLERANCE, SMALLEST = 1e-5, 1e-9


class CannotLoad(ScorelineError):
    """The version cannot score here and now; that may pass."""

    code = "model_unavailable"


class Unfit(CannotLoad):
    """The version never will, as it is."""

    code = "model_failed"


@dataclass(frozen=True)
class Passed:
    """What came through: ready to score, what it said of the example, and the bytes that it takes unpacked."""

    signature: Signature
    estimator: Estimator
    example_output: dict[str, Any]
    size: int


def opened(version: Version, content: bytes) -> Passed:
    """The version ready to score, if these bytes may do so; else Unfit with the reason. The digest comes first."""
    if sha256(content).hexdigest() != version.sha256:
        raise Unfit(f"{version.artifact} is not the registered artefact: its sha256 is another; put the right one back")
    check_framework(version.framework)
    signature, is_known = Signature.model_validate(version.signature), version.checked_at is not None
    try:
        fitted = unpickled(content, is_known)
        estimator = estimator_of(fitted, version.task, signature, version.metrics)
        output, size = output_of(estimator, signature, version.example), size_of(fitted)
    except Unfit:
        raise
    except MemoryError as error:
        raise CannotLoad("there is not enough memory for it here") from error
    except Exception as error:  # whatever a pickle or a model may raise
        what = f"{type(error).__name__}: {error}"[:300]
        raise Unfit(f"{version.artifact} cannot be loaded and score the example: {what}") from error
    check_output(output, version.example_output)
    return Passed(signature, estimator, output, size)


def check_framework(framework: str, said_by: str = "it was made with") -> None:
    name, _, made_with = framework.partition(" ")
    if name != "scikit-learn" or minor(made_with) != minor(sklearn.__version__):
        raise Unfit(
            f"{said_by} {framework}, and this worker has scikit-learn {sklearn.__version__}; "
            f"train it again with {'.'.join(minor(sklearn.__version__))}, or run workers that have the other"
        )


def minor(release: str) -> list[str]:
    return release.split(".")[:2]


def unpickled(content: bytes, is_known: bool) -> Any:
    """The fitted model. One that was never loaded before is asked with what it was really made.

    Only then, for to catch warnings is to change them for all threads, and one of them may be scoring.
    """
    if is_known:
        return joblib.load(BytesIO(content))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fitted = joblib.load(BytesIO(content))
    for one in caught:
        if isinstance(one.message, InconsistentVersionWarning):
            check_framework(f"scikit-learn {one.message.original_sklearn_version}", "its pickle was made with")
    return fitted


def output_of(estimator: Estimator, signature: Signature, example: Mapping[str, Any]) -> dict[str, Any]:
    """What it says of the example, as JSON has it, by the names of the outputs."""
    scores = estimator.scores(encoded(signature, example))
    if not np.isfinite(scores).all():
        raise Unfit("it gives no finite number for its example")
    [row] = (estimator.rows or np.ndarray.tolist)(scores)
    output: dict[str, Any] = orjson.loads(orjson.dumps(dict(zip(signature.outputs, row, strict=True))))
    return output


def encoded(signature: Signature, example: Mapping[str, Any]) -> Matrix:
    return signature.encode([[example.get(name) for name in signature.names]])


def check_output(output: Mapping[str, Any], wanted: Mapping[str, Any] | None) -> None:
    """Numbers may differ in what another processor makes of them."""
    if wanted is not None and not is_same(output, wanted):
        raise Unfit(
            f"its example gives {written(output)}, and {written(wanted)} is registered; "
            "it is another model, or needs other libraries than there are here"
        )


def is_same(one: Any, other: Any) -> bool:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(is_same(one[name], other[name]) for name in one)
    if is_number(one) and is_number(other):
        return math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=SMALLEST)
    return type(one) is type(other) and bool(one == other)


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def written(output: Any) -> str:
    return orjson.dumps(output).decode()[:100]


class Sink:
    """Counts what is written and keeps nothing of it."""

    def __init__(self) -> None:
        self.size = 0

    def write(self, data: Any) -> int:
        written = memoryview(data).nbytes
        self.size += written
        return written


def size_of(fitted: Any) -> int:
    """The bytes of the model without compression, near to what it takes in memory."""
    sink = Sink()
    pickle.dump(fitted, sink, protocol=5)
    return sink.size
