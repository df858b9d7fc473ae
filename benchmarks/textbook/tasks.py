"""The worker: `celery --app=benchmarks.textbook.tasks worker`."""

import os
from datetime import UTC, datetime
from functools import cache
from typing import Any

from celery import Celery
from celery.signals import worker_process_init

from benchmarks.textbook.database import Prediction, SessionLocal, engine

app = Celery("textbook", broker=os.environ["REDIS_URL"])
app.conf.task_ignore_result = True


@worker_process_init.connect  # type: ignore[untyped-decorator]
def prepare_process(**_: Any) -> None:
    """Each process has connections and a model of its own."""
    engine.dispose(close=False)
    model()


@cache
def model() -> Any:
    import joblib  # the API has no use for it

    return joblib.load(os.environ["MODEL_PATH"])


@app.task  # type: ignore[untyped-decorator]
def score(prediction_id: int) -> None:
    with SessionLocal() as session:
        prediction = session.get_one(Prediction, prediction_id)
        prediction.result = float(model().predict([list(prediction.features.values())])[0])
        prediction.status = "done"
        prediction.finished_at = datetime.now(UTC)
        session.commit()
