"""What the features of the housing model are worth, and what they cost: `python -m benchmarks.housing FILE`."""

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import r2_score, root_mean_squared_error
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

from worker import housing

RUNS = 21


def main(source: str) -> None:
    records = housing.records_of(housing.load(source))
    matrix, truth = records.matrix, np.asarray(records.truth)
    plain = HistGradientBoostingRegressor(max_iter=400, early_stopping=False)
    for seed in (42, 0, 1, 2, 3, 4):
        parts = train_test_split(matrix, truth, test_size=0.2, random_state=seed)
        for name, model in ("served", housing.pipeline()), ("plain", plain):
            told = model.fit(parts[0], parts[2]).predict(parts[1])
            print(
                f"seed {seed:<3} {name:<7} R2 {r2_score(parts[3], told):.4f}  "
                f"RMSE {root_mean_squared_error(parts[3], told):,.0f}"
            )
    served = housing.pipeline().fit(matrix, truth)
    other = clone(plain).fit(matrix, truth)
    for rows in (1, 1_000, 10_000):
        seconds = [(took(served, matrix[:rows]), took(other, matrix[:rows])) for _ in range(RUNS)]
        ours, others = (statistics.median(column) for column in zip(*seconds, strict=True))
        ratio = statistics.median(other / our for our, other in seconds)
        print(f"{rows:>6} records: served {ours * 1e3:.2f} ms, plain {others * 1e3:.2f} ms, speed {ratio:.2f} x")


def took(model: Any, matrix: Any) -> float:
    predict: Callable[[Any], Any] = model.predict
    began = time.perf_counter()
    predict(matrix)
    return time.perf_counter() - began


if __name__ == "__main__":
    with threadpool_limits(1):
        main(sys.argv[1] if len(sys.argv) > 1 else "sample")
