"""The fitted models, each loaded once a process, after its artefact was found to be the registered one."""

import time
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import joblib

from shared.db import transaction
from shared.errors import ScorelineError
from shared.registry import signature_of
from shared.settings import settings
from shared.signature import Signature
from shared.tables import Version
from worker import counts
from worker.estimators import Estimator, estimator_of


class CannotLoad(ScorelineError):
    """The version cannot score: its artefact is missing or is not the one that was registered."""

    code = "model_unavailable"


@dataclass(frozen=True)
class Model:
    """A version ready to score."""

    ref: str
    signature: Signature
    estimator: Estimator


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
        signature = signature_of(version.id, version.signature)
        fitted = joblib.load(BytesIO(content))
        return Model(ref, signature, estimator_of(fitted, version.task, signature, version.metrics))
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
