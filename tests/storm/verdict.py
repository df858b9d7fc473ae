"""What must hold at the end, found in the tables and in the ledger. Each check names what is wrong; nothing is good."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from math import isclose
from pathlib import Path
from typing import Any

import joblib
import numpy as np

from shared.signature import Matrix
from tests.storm import audit
from tests.storm.fleet import Fleet
from tests.storm.ledger import Ledger, Promise
from tests.storm.records import POISON, Record, place_of_mark, record, upload

MOST_NAMED = 5
Check = Callable[[Fleet, Ledger], Iterable[str]]

UNFINISHED = "SELECT id, status, lane FROM jobs WHERE finished_at IS NULL"
JOBS = "SELECT id::text, status, total, succeeded, failed, canceled + expired FROM jobs"
SLICES = "SELECT id, job_id::text, first, size, status, outputs, errors FROM slices ORDER BY job_id, first"
KEYED = "SELECT metadata ->> 'key', id::text FROM jobs WHERE metadata ? 'key'"
CROWDED = "SELECT metadata ->> 'key', count(*) FROM jobs WHERE metadata ? 'key' GROUP BY 1 HAVING count(*) > 1"
MODELS = "SELECT model, artifact, metrics -> 'interval' FROM versions"


def everything_finished(fleet: Fleet, _: Ledger) -> Iterator[str]:
    for job, status, lane in fleet.rows(UNFINISHED):
        yield f"job {job} ({lane}) is still {status}"


def every_promise_kept(fleet: Fleet, ledger: Ledger) -> Iterator[str]:
    stored = {job: (status, total) for job, status, total, *_ in fleet.rows(JOBS)}
    for promise in ledger:
        status, total = stored.get(promise.job, ("lost", promise.size))
        if status != "succeeded" or total != promise.size:
            yield f"job {promise.job} was promised ({promise.lane}, {promise.model}), and is {status} with {total}"


def one_job_a_key(fleet: Fleet, ledger: Ledger) -> Iterator[str]:
    """Clients name their key in the metadata, too: so a second job is seen that nobody was told of."""
    for key, made in fleet.rows(CROWDED):
        yield f"the key {key} made {made} jobs"
    owners = dict(fleet.rows(KEYED))
    for promise in ledger:
        if promise.key and owners.get(promise.key) != promise.job:
            yield f"the key {promise.key} was answered with job {promise.job}, and is of {owners.get(promise.key)}"


def one_outcome_a_record(fleet: Fleet, _: Ledger) -> Iterator[str]:
    for number, _job, _first, size, status, outputs, errors in fleet.rows(SLICES):
        if status not in ("succeeded", "failed"):
            continue
        offsets = [error["offset"] for error in errors or ()]
        empty = [offset for offset, output in enumerate(outputs) if output is None]
        if len(outputs) != size or sorted(set(offsets)) != empty:
            yield f"slice {number} of {size} records has {len(outputs)} outputs, null at {empty}, errors at {offsets}"


def counters_agree(fleet: Fleet, _: Ledger) -> Iterator[str]:
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for _number, job, _first, size, _status, outputs, _errors in fleet.rows(SLICES):
        good = sum(output is not None for output in outputs or ())
        found[job].update(total=size, succeeded=good, failed=size - good)
    for job, _status, total, succeeded, failed, others in fleet.rows(JOBS):
        counted = found[job]
        if (total, succeeded, failed, others) != (counted["total"], counted["succeeded"], counted["failed"], 0):
            yield f"job {job} says {total} = {succeeded} + {failed} + {others}, its slices say {dict(counted)}"


def outputs_are_the_models(fleet: Fleet, ledger: Ledger) -> Iterator[str]:
    """The artefact is loaded here and asked once for all that was sent to it."""
    outputs: dict[str, list[Any]] = defaultdict(list)
    for _number, job, _first, _size, _status, part, _errors in fleet.rows(SLICES):
        outputs[job] += part or []
    promises: dict[str, dict[str, Promise]] = defaultdict(dict)
    for promise in ledger:
        promises[promise.model][promise.job] = promise
    for model, artifact, interval in fleet.rows(MODELS):
        records = {job: sent(promise) for job, promise in promises[model].items()}
        expected = expectations(records, direct(fleet.folder / "models" / artifact), interval)
        for job in records:
            if wrong := differences(outputs[job], expected[job]):
                yield f"job {job} of {model}: {len(wrong)} outputs are not the model's, the first at {wrong[0]}"


def expectations(
    records: dict[str, list[Record | None]], predict: Callable[[Matrix], Any], interval: dict[str, float]
) -> dict[str, list[list[float] | None]]:
    good = [one for job in records.values() for one in job if one is not None]
    values = iter(predict(np.array([list(one.values()) for one in good], dtype=float)) if good else ())
    half, lowest = interval["half_width"], interval["minimum"]

    def output(value: float) -> list[float]:
        return [value, max(value - half, min(lowest, value)), value + half]

    return {job: [one and output(next(values)) for one in sent_to_it] for job, sent_to_it in records.items()}  # type: ignore[misc]


def direct(artifact: Path) -> Callable[[Matrix], Any]:
    """The fitted pipeline, out of what makes it slow or dangerous."""
    loaded: Any = joblib.load(artifact)
    predict: Callable[[Matrix], Any] = getattr(loaded, "pipeline", loaded).predict
    return predict


def differences(outputs: list[Any], expected: list[list[float] | None]) -> list[int]:
    """The records whose output is not what it must be."""
    if len(outputs) != len(expected):
        return [min(len(outputs), len(expected))]
    pairs = zip(outputs, expected, strict=True)
    return [place for place, (output, wanted) in enumerate(pairs) if not same(output, wanted)]


def same(output: list[float] | None, expected: list[float] | None) -> bool:
    if output is None or expected is None:
        return output is expected
    return all(isclose(one, other, rel_tol=1e-9) for one, other in zip(output, expected, strict=True))


def sent(promise: Promise) -> list[Record | None]:
    """What was sent, with None where an error is due and no output."""
    if promise.lane == "single":
        return [record(promise.seed, promise.income)]
    records = upload(promise.seed, promise.size, promise.income).records
    if promise.income in POISON:
        records[place_of_mark(promise.seed, promise.size)] = None
    return records


def nobody_wrote_without_holding(fleet: Fleet, _: Ledger) -> Iterator[str]:
    for number, attempt, author in fleet.rows(audit.SUPERSEDED):
        yield f"slice {number} was held by attempt {attempt} and written by attempt {author}"
    for number, times in fleet.rows(audit.TWICE):
        yield f"slice {number} was finished {times} times"


def nobody_living_was_robbed(fleet: Fleet, _: Ledger) -> Iterator[str]:
    for number, left in fleet.rows(audit.TAKEN_FROM_THE_LIVING):
        yield f"slice {number} was taken for dead with {left:.1f} s of its lease left"


CHECKS: dict[str, Check] = {
    "every accepted job is finished": everything_finished,
    "every 202 of the ledger was kept": every_promise_kept,
    "every key made one job": one_job_a_key,
    "every record has one output or one error": one_outcome_a_record,
    "outputs are the model's own": outputs_are_the_models,
    "counters agree with a recount": counters_agree,
    "no superseded attempt has written": nobody_wrote_without_holding,
    "nothing was taken from a living worker": nobody_living_was_robbed,
}


def findings(fleet: Fleet, ledger: Ledger) -> dict[str, list[str]]:
    """For each check what is wrong."""
    return {name: [*check(fleet, ledger)] for name, check in CHECKS.items()}
