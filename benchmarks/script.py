"""What a data scientist would write: a table read, scored on all cores and written, in one process.

python -m benchmarks.script TABLE MODEL HALF_WIDTH MINIMUM OUT [outputs]
"""

import sys

import joblib
import numpy as np
import pandas as pd


def main(table: str, model: str, half_width: float, minimum: float, out: str, what: str = "all") -> None:
    frame = pd.read_csv(table)
    value = joblib.load(model).predict(frame)
    if what == "outputs":
        low = np.maximum(value - half_width, np.minimum(minimum, value))
        frame = pd.DataFrame({"value": value, "low": low, "high": value + half_width})
    else:
        frame["value"] = value
    frame.to_csv(out, index_label="record")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4]), *sys.argv[5:])
