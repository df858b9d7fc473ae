"""From a trained model to a registered version."""

import time

import numpy as np
from sqlalchemy.orm import Session
from threadpoolctl import threadpool_limits

from shared import registry
from shared.registry import SLICE_SECONDS
from shared.settings import settings
from shared.signature import Matrix
from shared.tables import Version
from worker import models
from worker.estimators import Estimator, estimator_of
from worker.scoring import as_json
from worker.training import Trained

PROBE_RECORDS = 2_000


def publish(session: Session, model: str, trained: Trained) -> Version:
    """Stores the artefact and registers it as the model's next version."""
    artifact, digest = models.store(trained.pipeline, model)
    return registry.register(
        session,
        model,
        task=trained.task,
        framework=trained.framework,
        signature=trained.signature.model_dump(mode="json"),
        example=trained.example,
        metrics=trained.metrics,
        training=trained.training,
        slice_records=slice_records(trained),
        artifact=artifact,
        sha256=digest,
    )


def slice_records(trained: Trained) -> int:
    """How many records one core scores in 0.1 s, two digits of it."""
    example = [trained.example[name] for name in trained.signature.names]
    probe = np.tile(trained.signature.encode([example]), (PROBE_RECORDS, 1))
    estimator = estimator_of(trained.pipeline, trained.task, trained.signature, trained.metrics)
    with threadpool_limits(limits=1):
        seconds = min(seconds_for(estimator, probe) for _ in range(3))
    measured = float(f"{PROBE_RECORDS * SLICE_SECONDS / seconds:.1e}")
    return max(1, min(int(measured), settings().slice_records))


def seconds_for(estimator: Estimator, matrix: Matrix) -> float:
    began = time.perf_counter()
    as_json(estimator, estimator.scores(matrix))
    return time.perf_counter() - began
