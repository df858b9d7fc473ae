"""`make storm`: the service under load, hurt in every way that is known, and then asked what became of each promise."""

import argparse
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from random import Random

from tests.storm import bars
from tests.storm.faults import FAULTS, Fault, Part
from tests.storm.fleet import fleet, last_words
from tests.storm.storm import Storm

LONG = "Redis is away for over a minute"
SHORT = (
    "a worker is killed",
    "Redis is flushed",
    "PostgreSQL is killed",
    "an API process is killed between commit and reply",
)
# The defaults but for one, as nobody has ten minutes to see a hung slice ended.
SETTINGS = {"SLICE_SECONDS": "15"}
SHORT_SETTINGS = {"LEASE_SECONDS": "2", "RELAY_SECONDS": "0.3"}
PAIRS = 0.3  # of the faults thrown at random
MOST_NAMED = 5


def main() -> int:
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    chance = Random(options.seed)
    began = time.monotonic()
    print(f"storm with seed {options.seed}: {'a short one' if options.short else f'{options.minutes:g} minutes'}")
    with fleet() as service:
        service.settings = SHORT_SETTINGS if options.short else SETTINGS
        service.staff(workers=2, apis=2)
        storm = Storm(service, options.seed, hurried=options.short)
        storm.begin()
        if storm.level:
            print(f"{storm.level:.0f} jobs are finished a second while nothing is wrong", flush=True)
        for faults in course(options, chance, began):
            print(f"[{time.monotonic() - began:5.0f} s] {storm.throw(*faults)}", flush=True)
        storm.end()
        green = report(storm, timed=not options.short)
        if not green:
            print(last_words(service))
    return 0 if green else 1


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make storm ARGS=...", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="what is submitted and thrown, and in which order")
    parser.add_argument("--minutes", type=float, default=3, help="for how long; the round is ended in any case")
    parser.add_argument("--at-random", action="store_true", help="no round in which each fault has its turn, 8 minutes")
    parser.add_argument("--short", action="store_true", help="few faults, and no bar of time: for make test")
    parser.add_argument("--only", action="append", default=[], metavar="WORDS", help="faults with these in their name")
    parser.add_argument("--skip", action="append", default=[], metavar="WORDS", help="no faults with these")
    return parser.parse_args()


def course(options: argparse.Namespace, chance: Random, began: float) -> Iterator[Sequence[Fault]]:
    """Each fault once, in a random order; then any, sometimes two at once, until the time is over."""
    if options.short:
        yield from ((FAULTS[name],) for name in SHORT)
        return
    chosen = [fault for name, fault in FAULTS.items() if is_chosen(name, options)]
    once = [] if options.at_random else chance.sample(chosen, len(chosen))
    yield from ((fault,) for fault in once)
    again = [fault for fault in chosen if fault.name != LONG]
    while again and time.monotonic() - began < options.minutes * 60:
        first = chance.choice(again)
        others = [fault for fault in again if fault.part != first.part and not (fault.harmless or first.harmless)]
        yield two_at_once(first, chance.choice(others)) if others and chance.random() < PAIRS else (first,)


def two_at_once(*faults: Fault) -> Sequence[Fault]:
    return sorted(faults, key=lambda fault: [*Part].index(fault.part))


def is_chosen(name: str, options: argparse.Namespace) -> bool:
    wanted = not options.only or any(words in name for words in options.only)
    return wanted and not any(words in name for words in options.skip)


def report(storm: Storm, timed: bool) -> bool:
    """Prints a line for each bar; whether all that count are reached."""
    seen, findings = storm.fleet.seen, bars.findings(storm)
    promises = list(storm.fleet.ledger)
    records = sum(promise.size for promise in promises)
    print(f"\n{len(promises):,} jobs promised, {records:,} records; {seen.broken:,} requests broken, ", end="")
    print(f"{sum(status == 503 for _, _, status in seen.answers):,} answered with 503, {seen.replayed:,} replayed")
    for name, seconds in bars.p99_without_redis(storm).items():
        print(f"p99 of the API while {name}: {seconds:.3f} s")
    for name, reason in storm.skipped.items():
        print(f"SKIPPED {name}: {reason}")
    red = False
    for name, wrong in findings.items():
        counts = timed or name not in bars.TIMED
        print(f"{'ok ' if not wrong else 'RED' if counts else 'slow'} {name}" + (f": {len(wrong)}" if wrong else ""))
        for words in wrong[:MOST_NAMED]:
            print(f"    {words}")
        red |= bool(wrong) and counts
    return not red


if __name__ == "__main__":
    sys.exit(main())
