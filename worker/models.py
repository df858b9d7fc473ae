"""The fitted models, each loaded once a process, after its artefact was found to be the registered one."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import joblib
import numpy as np

from shared.db import transaction
from shared.errors import ScorelineError
from shared.settings import settings
from shared.signature import Matrix
from shared.tables import Version
from worker import counts


class CannotLoad(ScorelineError):
    """The version cannot score: its artefact is missing or is not the one that was registered."""

    code = "model_unavailable"


@dataclass(frozen=True)
class Model:
    """A version ready to score."""

    ref: str
    predict: Callable[[Matrix], Any]
    interval: dict[str, float]

    def outputs(self, matrix: Matrix) -> Matrix:
        """Value and interval for each row; not finite where the model has no number to give."""
        value = np.asarray(self.predict(matrix), dtype=float)
        half, lowest = self.interval["half_width"], self.interval["minimum"]
        return np.column_stack([value, np.maximum(value - half, np.minimum(lowest, value)), value + half])


_loaded: dict[int, Model] = {}
_names: dict[int, str] = {}


def load(version_id: int) -> Model:
    """The model of a version, from memory if this process has it."""
    if version_id in _loaded:
        counts.HITS.labels(_names[version_id]).inc()
        return _loaded[version_id]
    began = time.perf_counter()
    with transaction() as session:
        version = session.get_one(Version, version_id)
    _names[version_id] = version.model
    _loaded[version_id] = unpacked(version)
    counts.LOADING.labels(version.model).observe(time.perf_counter() - began)
    return _loaded[version_id]


def model_of(version_id: int) -> str:
    """The name of the version's model, also where it cannot be loaded."""
    if version_id not in _names:
        with transaction() as session:
            _names[version_id] = session.get_one(Version, version_id).model
    return _names[version_id]


def unpacked(version: Version) -> Model:
    ref, content = f"{version.model}:{version.number}", checked_bytes(version)
    try:
        return Model(ref, joblib.load(BytesIO(content)).predict, version.metrics["interval"])
    except Exception as error:
        raise CannotLoad(f"{ref} cannot be loaded: {type(error).__name__}: {error}"[:500]) from error


def folder() -> Path:
    return Path(settings().models_url)


def checked_bytes(version: Version) -> bytes:
    """The artefact, read once, so that what was checked is what is loaded."""
    path = folder() / version.artifact
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CannotLoad(
            f"{version.model}:{version.number} cannot be loaded: {path.name} is not in MODELS_URL"
        ) from error
    if sha256(content).hexdigest() != version.sha256:
        raise CannotLoad(
            f"{version.model}:{version.number} cannot be loaded: {path.name} is not the registered artefact"
        )
    return content


def store(pipeline: Any, model: str) -> tuple[str, str]:
    """Puts a fitted pipeline into MODELS_URL under the name of its digest. The name and the digest."""
    buffer = BytesIO()
    joblib.dump(pipeline, buffer, compress=3)
    digest = sha256(buffer.getvalue()).hexdigest()
    artifact = f"{model}-{digest[:16]}.joblib"
    folder().mkdir(parents=True, exist_ok=True)
    unfinished = folder() / f".{artifact}.new"
    unfinished.write_bytes(buffer.getvalue())
    unfinished.replace(folder() / artifact)
    return artifact, digest
