"""A model that some records are poison to, and what stores jobs for it."""

import os
import signal
import sys
import threading
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import sklearn
from sklearn.base import BaseEstimator, RegressorMixin
from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import db, jobs, registry
from shared.features import Number
from shared.jobs import Found, NewBulk, NewSlice
from shared.signature import Signature
from worker import store

KILLS, HANGS, HOLDS, RAISES, LEAVES, WAITS = -1.0, -2.0, -3.0, -4.0, -5.0, -6.0
INTERVAL = {"level": 0.9, "half_width": 1.0, "minimum": 0.0}


class Poisoned(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Answers with what it is asked, but for some records."""

    def fit(self, x: Any, y: Any) -> "Poisoned":
        return self

    def predict(self, x: Any) -> Any:
        first = set(np.asarray(x)[:, 0].tolist())
        print("as models do")
        if KILLS in first:
            os.kill(os.getpid(), signal.SIGKILL)
        if HANGS in first:
            threading.Event().wait()
        if HOLDS in first:
            10 ** (10**9)  # one long step of the interpreter, which lets no other thread in
        if RAISES in first:
            raise ValueError("poison")
        if LEAVES in first:
            sys.exit(7)
        while WAITS in first and not gate().exists():
            threading.Event().wait(0.01)
        return np.asarray(x)[:, 0]


def gate() -> Path:
    """The file that WAITS waits for, in whichever process."""
    return store.folder() / "gate"


def register(session: Session, slice_records: int = 10_000) -> int:
    """The version's id."""
    content = store.packed(Poisoned())
    artifact = store.name_of("poisoned", content)
    store.write(artifact, content)
    signature = Signature(inputs=(Number(name="x"),), outputs=("value", "low", "high"))
    version = registry.register(
        session,
        "poisoned",
        task="regression",
        framework=f"scikit-learn {sklearn.__version__}",
        signature=signature.model_dump(mode="json"),
        example={"x": 1.0},
        metrics={"interval": INTERVAL},
        training={},
        slice_records=slice_records,
        artifact=artifact,
        sha256=sha256(content).hexdigest(),
    )
    return version.id


def store_bulk(session: Session, owner: int, version: int, rows: list[list[float]], crashes: int = 0) -> UUID:
    """A job of one slice."""
    job = NewBulk(jobs.new_id(), owner, version, None, {})
    part = NewSlice(0, len(rows), db.to_json(rows).encode(), None, [])
    jobs.accept_bulk(session, job, [part], Found())
    session.execute(
        text("UPDATE slices SET crashes = :crashes WHERE job_id = :job"), {"crashes": crashes, "job": job.id}
    )
    return job.id
