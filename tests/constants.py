"""Versions of `housing` that say the same of every house, so that one sees which has scored it."""

from hashlib import sha256
from typing import Any

import numpy as np
import sklearn
from sklearn.dummy import DummyRegressor

from shared import db, registry
from shared.features import Number
from shared.signature import OUTPUTS, Signature
from shared.tables import Version
from tests.conftest import HOUSE
from worker import store
from worker.publishing import publish_artifact

SIGNATURE = Signature(inputs=tuple(Number(name=name) for name in HOUSE), outputs=OUTPUTS["regression"])


def fitted(value: float) -> Any:
    made = DummyRegressor(strategy="constant", constant=0.0).fit([[0.0] * len(HOUSE)], [0.0])
    made.constant_ = np.array([[value]])  # it checks what it is told, and would take no NaN
    return made


def told(**more: Any) -> dict[str, Any]:
    """What such a version is registered with, beside its artefact."""
    return {
        "task": "regression",
        "framework": f"scikit-learn {sklearn.__version__}",
        "signature": SIGNATURE.model_dump(mode="json"),
        "example": dict(HOUSE),
        "metrics": {},
        "training": {},
        **more,
    }


def publish(value: float, alias: str | None = None, model: str = "housing", content: Any = None) -> Version:
    """Registered as `scoreline train` does it."""
    content = fitted(value) if content is None else content
    with db.transaction() as session:
        version = publish_artifact(session, model, store.packed(content), **told())
        if alias:
            registry.point(session, version, alias)
    return version


def body(value: float, model: str = "housing", **more: Any) -> dict[str, Any]:
    """The body of `POST /models` for an artefact that is put into MODELS_URL."""
    content = store.packed(fitted(value))
    name = store.name_of(model, content)
    store.write(name, content)
    return {"model": model, "artifact": name, "sha256": sha256(content).hexdigest(), **told(), **more}
