"""The fitted models that this process has in memory: the most recently used, up to a limit.

A version never changes, so it is loaded once and stays until others need its place. Two threads come here: the one that
scores, and the one that keeps versions warm.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Container
from contextlib import suppress
from dataclasses import dataclass

from shared import registry
from shared.db import statement, transaction
from shared.errors import DatabaseAway
from shared.registry import ref_of, signature_of
from shared.settings import settings
from shared.signature import Signature
from shared.tables import Version
from worker import counts, gate, store
from worker.estimators import Estimator
from worker.gate import CannotLoad, Unfit
from worker.store import StoreAway

__all__ = ["CannotLoad", "Model", "Unfit", "keep_ready", "load", "model_of"]


@dataclass(frozen=True)
class Model:
    """A version ready to score; `size` is what it takes in memory."""

    ref: str
    signature: Signature
    estimator: Estimator
    size: int = 0


_loaded: dict[int, Model] = {}  # the most recently used last
_names: dict[int, str] = {}
_lock = threading.Lock()  # held for moments: never while a model is read or used
_turns: defaultdict[int, threading.Lock] = defaultdict(threading.Lock)  # so that no version is loaded twice at once
_in_use: int | None = None


def load(version_id: int) -> Model:
    """The model of a version to score with, from memory if this process has it."""
    global _in_use
    _in_use = version_id
    if model := used(version_id):
        counts.HITS.labels(_names[version_id]).inc()
        return model
    with _turns[version_id]:
        return used(version_id) or kept(version_id, read(version_id), spared=())


def keep_ready(version_id: int, wanted: Container[int]) -> None:
    """Has the model in memory before it is asked for, if there is room beside the others that are wanted."""
    with _turns[version_id]:
        if version_id not in _loaded:
            kept(version_id, read(version_id), spared=wanted)


def used(version_id: int) -> Model | None:
    with _lock:
        model = _loaded.pop(version_id, None)
        if model:
            _loaded[version_id] = model
        return model


def kept(version_id: int, model: Model, spared: Container[int]) -> Model:
    """The model, in memory; others go for it, except those spared and the one in use."""
    with _lock:
        _loaded[version_id] = model
        others = [other for other in _loaded if other not in (version_id, _in_use) and other not in spared]
        # Last of all the new one itself, unless it is what is asked for.
        for other in [*others, *([version_id] if version_id != _in_use else [])]:
            if sum(one.size for one in _loaded.values()) <= settings().models_bytes:
                break
            del _loaded[other]
            counts.EVICTED.labels(_names[other]).inc()
    return model


def model_of(version_id: int) -> str:
    """The name of the version's model, also where it cannot be loaded."""
    if version_id not in _names:
        version_row(version_id)
    return _names[version_id]


def version_row(version_id: int) -> Version:
    with transaction() as session:
        version = session.get_one(Version, version_id)
    _names[version_id] = version.model
    return version


def read(version_id: int) -> Model:
    """The version by way of the gate; one that does not pass is marked, so that nothing more is accepted for it."""
    began, version = time.perf_counter(), version_row(version_id)
    try:
        passed = opened(version)
    except Unfit as error:
        if not version.failure:
            note(version_id, error.detail)
        raise Unfit(f"{ref_of(version)} cannot be loaded: {error.detail}") from error
    except (CannotLoad, StoreAway) as error:
        raise CannotLoad(f"{ref_of(version)} cannot be loaded: {error.detail}") from error
    counts.LOADING.labels(version.model).observe(time.perf_counter() - began)
    return Model(ref_of(version), signature_of(version_id, version.signature), passed.estimator, passed.size)


def note(version_id: int, failure: str) -> None:
    with suppress(DatabaseAway), statement() as session:  # who comes next finds the same, and notes it
        registry.fail(session, version_id, failure)


def opened(version: Version) -> gate.Passed:
    """What comes through the gate; a version that failed there is not tried again until an administrator says so."""
    if version.failure:
        raise Unfit(version.failure)
    return gate.opened(version, store.read(version.artifact, version.sha256))


def forget() -> None:
    """As after a start."""
    _loaded.clear()
    _names.clear()
