"""One line a message, for people."""

import logging

from shared.settings import settings


def configure() -> None:
    logging.basicConfig(level=settings().log_level, format="%(levelname)-7s %(name)s: %(message)s", force=True)
    logging.getLogger("celery.worker.strategy").setLevel(logging.WARNING)  # two lines for each hint
    logging.getLogger("celery.app.trace").setLevel(logging.WARNING)
    logging.getLogger("audit").setLevel(logging.INFO)  # also where the log has only warnings
