"""What a worker counts for Prometheus."""

from collections.abc import Sequence

from prometheus_client import Counter, Histogram

from shared.jobs import Claimed
from shared.tables import Lane

WAITING_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)
SECONDS = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

SCORED = Counter("scoreline_records_scored_total", "Records that have an output.", ["lane", "model"])
FAILED = Counter(
    "scoreline_records_failed_total",
    "Valid records that the model, or the worker with it, failed on.",
    ["lane", "model"],
)
waiting = Histogram(
    "scoreline_slice_waiting_seconds",
    "From the creation of a slice to the first time that it was claimed.",
    ["lane"],
    buckets=WAITING_SECONDS,
)
scoring = Histogram(
    "scoreline_scoring_seconds",
    "The model at work on one claim, which is up to 256 singles or a slice of bulk.",
    ["lane"],
    buckets=SECONDS,
)
LOADING = Histogram(
    "scoreline_model_load_seconds",
    "Loading a model into a process.",
    ["model"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 5, 30),
)
HITS = Counter("scoreline_model_cache_hits_total", "Claims whose model the process had loaded before.", ["model"])
EVICTED = Counter("scoreline_models_evicted_total", "Models that left the memory of a process for others.", ["model"])
RESCUED = Counter("scoreline_relay_rescued_slices_total", "Slices taken back from workers that died.")
resent = Counter("scoreline_relay_resent_hints_total", "Hints that were lost and sent again.", ["lane"])

# Looked up once, as that takes as long as counting; and a rate needs to have seen the 0.
WAITING = {lane: waiting.labels(lane) for lane in Lane}
SCORING = {lane: scoring.labels(lane) for lane in Lane}
RESENT = {lane: resent.labels(lane) for lane in Lane}


def claimed(lane: Lane, held: Sequence[Claimed]) -> None:
    """Counts how long the slices had waited; one that was claimed before waited for other reasons."""
    for one in held:
        if one.attempt == 1:
            WAITING[lane].observe(one.waited)


def settled(lane: Lane, model: str, scored: int, failed: int) -> None:
    """Counts records that were stored with an output, and with an error instead."""
    SCORED.labels(lane, model).inc(scored)
    FAILED.labels(lane, model).inc(failed)
