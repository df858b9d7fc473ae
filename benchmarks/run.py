"""`make bench`: measures the service beside a textbook pipeline and writes RESULTS.md.

With names (`make bench ARGS=singles`) only those, printed and not written.
"""

import argparse
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import beside, bulk, frame, history, report, singles, start
from benchmarks.report import Section
from benchmarks.sides import Scoreline, Textbook, both
from cli.servers import servers

Measurement = Callable[[Scoreline, Textbook, Sequence[int], int], Section]

MEASUREMENTS: dict[str, Measurement] = {
    "singles": singles.measure,
    "bulk": bulk.measure,
    "frame": frame.measure,
    "beside": beside.measure,
    "history": history.measure,
    "start": start.measure,
}
RESULTS = Path(__file__).with_name("RESULTS.md")
ROUNDS = 3  # of about five minutes each


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"one of {', '.join(MEASUREMENTS)}")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    wanted = parser.parse_args()
    if strange := set(wanted.names) - MEASUREMENTS.keys():
        parser.error(f"there is no measurement {strange.pop()}; there is {', '.join(MEASUREMENTS)}")
    written = report.document(measured(wanted.names or list(MEASUREMENTS), wanted.rounds), wanted.rounds)
    print(f"\n{written}")
    if not wanted.names and wanted.rounds == ROUNDS:
        RESULTS.write_text(written)


def measured(names: Sequence[str], rounds: int) -> list[Section]:
    with tempfile.TemporaryDirectory() as folder, servers(Path(folder)) as (postgres, valkey):
        ours, textbook = both(Path(folder), postgres, valkey)
        processes = [postgres.process.pid, valkey.process.pid]
        return [MEASUREMENTS[name](ours, textbook, processes, rounds) for name in names]


if __name__ == "__main__":
    main()
