"""The models that a storm registers beside `housing`: one that is slow, and one that some records are poison to."""

import os
import signal
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from shared import db
from tests.storm.records import DAWDLES, DAWDLING, HANGS, KILLS, RAISES
from worker import housing
from worker.publishing import publish

INCOME = [feature.name for feature in housing.FEATURES].index("median_income")
SLOW_SECONDS = 0.25


class Slow:
    """Takes its time without taking the processor."""

    def __init__(self, pipeline: Any, seconds: float) -> None:
        self.pipeline, self.seconds = pipeline, seconds

    def predict(self, rows: Any) -> Any:
        threading.Event().wait(self.seconds)
        return self.pipeline.predict(rows)


class Poisoned:
    """Raises at one income, kills its process at another, at a third never returns, and dawdles at others."""

    def __init__(self, pipeline: Any) -> None:
        self.pipeline = pipeline

    def predict(self, rows: Any) -> Any:
        incomes = np.asarray(rows)[:, INCOME]
        if (incomes == RAISES).any():
            raise ValueError("this record is poison")
        if (incomes == KILLS).any():
            os.kill(os.getpid(), signal.SIGKILL)
        if (incomes == HANGS).any():
            threading.Event().wait()
        if incomes.max() > DAWDLES:
            Path(os.environ[DAWDLING]).touch()
            threading.Event().wait(incomes.max() - DAWDLES)
        return self.pipeline.predict(rows)


def register() -> None:
    trained = housing.train("sample")
    with db.transaction() as session:
        publish(session, "housing", trained)
        publish(session, "slow", replace(trained, pipeline=Slow(trained.pipeline, SLOW_SECONDS)))
        publish(session, "poisoned", replace(trained, pipeline=Poisoned(trained.pipeline)))
