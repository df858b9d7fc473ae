"""From a trained model to a registered version."""

from hashlib import sha256
from typing import Any

from sqlalchemy.orm import Session

from shared import registry
from shared.tables import NOW, Version
from worker import gate, store
from worker.pace import slice_records
from worker.training import Trained


def publish(session: Session, model: str, trained: Trained, content: bytes | None = None) -> Version:
    """Checks the model as every worker will, stores its artefact and registers it as the next version.

    `content` is the artefact where there is a file of it, so that its digest is the one its owner knows.
    """
    return publish_artifact(
        session,
        model,
        content or store.packed(trained.pipeline),
        task=trained.task,
        framework=trained.framework,
        signature=trained.signature.model_dump(mode="json"),
        example=trained.example,
        metrics=trained.metrics,
        training=trained.training,
    )


def publish_artifact(session: Session, model: str, content: bytes, **fields: Any) -> Version:
    """The same for an artefact as it is. What does not pass the gate leaves nothing behind."""
    fields |= {"artifact": store.name_of(model, content), "sha256": sha256(content).hexdigest()}
    passed = gate.opened(Version(model=model, **fields), content)
    fields["slice_records"] = slice_records(passed.estimator, passed.signature, fields["example"])
    store.write(fields["artifact"], content)
    return registry.register(session, model, **fields, example_output=passed.example_output, checked_at=NOW)
