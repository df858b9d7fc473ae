"""The Celery application of the worker: `celery -A worker.app worker`."""

import signal
from typing import Any

from worker import metrics  # before all that counts

# isort: split
import sklearn.ensemble  # noqa: F401  imported before the fork, so that 187 MB are shared by all processes
from billiard.process import current_process
from celery import Celery
from celery.signals import setup_logging, worker_process_init
from threadpoolctl import threadpool_limits

from shared import queue
from shared.logs import configure
from shared.processes import die_with_parent
from shared.settings import settings
from worker import checking, slots, warm
from worker.relay import Relay

app = Celery("scoreline", broker=settings().redis_url, include=["worker.tasks"])
app.conf.update(
    queue.ON_BOTH_SIDES,
    # The single lane is drained first: a million records never hold up one house for longer than one slice.
    broker_transport_options={
        "queue_order_strategy": "priority",
        "socket_timeout": 5,
        "socket_connect_timeout": 2,
        "health_check_interval": 2,
    },
    broker_connection_max_retries=None,
    task_reject_on_worker_lost=False,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    worker_prefetch_multiplier=1,
    worker_disable_prefetch=True,
    worker_consumer="worker.consumer:Consumer",
    worker_soft_shutdown_timeout=settings().stop_seconds,
    worker_send_task_events=True,
)
app.steps["worker"].update((Relay, metrics.Exporter))


@setup_logging.connect
def set_up_logging(**_: Any) -> None:
    configure()


@worker_process_init.connect
def prepare_process(**_: Any) -> None:
    """Nothing of the parent's connections is used here, and scikit-learn keeps to the one core of this process."""
    die_with_parent(signal.SIGKILL)
    queue.after_fork()
    metrics.take_place()
    slots.end()  # of who was in this place before
    threadpool_limits(limits=1)
    warm.keeper().start()
    if current_process().index == 0:
        checking.start()
