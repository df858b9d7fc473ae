"""How fast a version scores: what the size of its slices is told from."""

import time
from collections.abc import Mapping
from typing import Any

from threadpoolctl import threadpool_limits

from shared.registry import SLICE_SECONDS
from shared.settings import settings
from shared.signature import Matrix, Signature
from worker.estimators import Estimator
from worker.gate import encoded
from worker.scoring import as_json

# Shorter runs are mostly the overhead of a call; longer ones a slow model would take minutes for.
RUN_SECONDS = SLICE_SECONDS / 2
GROWTH = 4


def slice_records(estimator: Estimator, signature: Signature, example: Mapping[str, Any]) -> int:
    """How many records one core scores in 0.1 s, two digits of it."""
    row, most = encoded(signature, example), settings().slice_records
    with threadpool_limits(limits=1):
        seconds_for(estimator, row)  # the first call is slower than any other
        records, seconds = 1, seconds_for(estimator, row)
        while seconds < RUN_SECONDS and records < most:
            records = min(records * GROWTH, most)
            seconds = seconds_for(estimator, row.repeat(records, axis=0))
    measured = float(f"{records * SLICE_SECONDS / seconds:.1e}")
    return max(1, min(int(measured), most))


def seconds_for(estimator: Estimator, matrix: Matrix) -> float:
    """The better of two runs, since others are at work on this machine."""
    return min(timed(estimator, matrix), timed(estimator, matrix))


def timed(estimator: Estimator, matrix: Matrix) -> float:
    """Of this process alone: by the clock on the wall, a busy machine made slices a fifth of what they should be."""
    began = time.process_time()
    as_json(estimator, estimator.scores(matrix))
    return max(time.process_time() - began, 1e-6)
