"""A frame in a notebook beside the same records as a file."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks import programs
from benchmarks.bulk import LARGE, rest, seconds
from benchmarks.load import SAMPLE
from benchmarks.programs import Run
from benchmarks.report import Bar, Figure, Line, Section
from benchmarks.sides import Scoreline, Textbook

COMMAND = "scoreline score"
NOTE = f"""\
`score(df)` with {LARGE:,} rows, from the frame to the frame with the results, timed around the call; and
`scoreline score` with the same rows from Parquet to Parquet, timed from its start to its end; by turns. What the call
takes of memory at its peak is beyond the frame, the result and what was imported before."""


def measure(ours: Scoreline, _: Textbook, __: Any, rounds: int) -> Section:
    path = table(ours.folder / "frame.parquet")
    framed: list[dict[str, float]] = []
    commanded: list[Run] = []

    def score_frame() -> None:
        framed.append(of_frame(ours, path))

    def score_file() -> None:
        commanded.append(of_command(ours, path))

    sides = [score_frame, score_file]
    for number in range(rounds):
        rest(ours)
        with ours.running():
            for side in sides:
                side()
        sides.reverse()  # who comes first finds a service that has had no file yet
        print(f"frame, round {number + 1} of {rounds}: {framed[-1]}, command {commanded[-1].seconds:.2f} s", flush=True)
    took = [one["seconds"] for one in framed]
    return Section(
        "Frame",
        NOTE,
        [
            Line(f"{LARGE:,} rows", "s", took, seconds(commanded), Bar("<=", 1.1, 1), COMMAND, "score(df)"),
            Figure("memory beyond the frames", "MB", [one["beyond"] for one in framed]),
        ],
    )


def table(path: Path) -> Path:
    """The sample as often as it takes."""
    sample = pd.read_csv(SAMPLE).drop(columns="median_house_value")
    pd.concat([sample] * (LARGE // len(sample)), ignore_index=True).to_parquet(path)
    return path


def of_frame(ours: Scoreline, path: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.framed", str(path)]
    found: dict[str, float] = json.loads(subprocess.check_output(command, env=os.environ | ours.address()))
    return found


def of_command(ours: Scoreline, path: Path) -> Run:
    out = path.with_suffix(".scored.parquet")
    return programs.run("scoreline.commands", "score", path, "-o", out, more=ours.address())
