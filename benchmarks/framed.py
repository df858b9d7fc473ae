"""`score(df)` with the frame of a Parquet file: prints the seconds of the call, and the megabytes it took, as JSON.

python -m benchmarks.framed houses.parquet
"""

import json
import os
import sys
import time

import pandas as pd
from scoreline import Client

from benchmarks import memory


def main(path: str) -> None:
    frame = pd.read_parquet(path)
    process = os.getpid()
    memory.forget_peaks([process])
    before = memory.peak(process)
    began = time.perf_counter()
    scored = Client().score(frame, progress=False)
    seconds = time.perf_counter() - began
    peak = memory.peak(process) - before
    if len(scored) != len(frame) or scored["value"].isna().any():
        raise SystemExit(f"{scored['value'].notna().sum():,} of {len(frame):,} rows were scored")
    result = scored.memory_usage(deep=True).sum() / 2**20
    print(json.dumps({"seconds": seconds, "beyond": peak - result, "result": result}))


if __name__ == "__main__":
    main(*sys.argv[1:])
