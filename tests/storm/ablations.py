"""`make storm-ablations`: each guard of the service is taken out, and the storm that it is against must turn red.

A storm that stays green without the guard proves nothing; one that is red with it proves that something else is wrong.
"""

import argparse
import sys

from tests.storm.directed import DIRECTED, findings
from tests.storm.fleet import Fleet, fleet, last_words
from tests.storm.guards import GUARDS

WIDTH = 62


def main() -> int:
    parser = argparse.ArgumentParser(prog="make storm-ablations ARGS=...", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", action="append", default=[], metavar="WORDS", help="guards with these in their name")
    options = parser.parse_args()
    chosen = [name for name in GUARDS if not options.only or any(words in name for words in options.only)]
    print(f"{'guard':<{WIDTH}} with it  without it", flush=True)
    with fleet() as service:
        proven = [proves(service, name, options.seed) for name in chosen]
    print(f"{sum(proven)} of {len(chosen)} guards are proven to be needed, and to hold")
    return 0 if all(proven) else 1


def proves(service: Fleet, name: str, seed: int) -> bool:
    """Prints a line of the table; whether the guard holds, and nothing else would."""
    print(f"{name:<{WIDTH}} ", end="", flush=True)
    wrong = findings(service, DIRECTED[name], seed, guard=None)
    print(f"{'RED' if wrong else 'green':<9}", end="", flush=True)
    missed = findings(service, DIRECTED[name], seed, guard=name)
    print(f"red: {missed[0]}" if missed else "GREEN, so nothing shows that it is needed", flush=True)
    if wrong:
        print(f"    with it: {wrong[0]}\n{last_words(service)}")
    return bool(missed) and not wrong


if __name__ == "__main__":
    sys.exit(main())
