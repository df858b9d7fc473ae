"""What listens for hints in a worker's main process: as Celery's own, but for how it gets over what is wrong."""

import logging
from functools import partial
from queue import Empty
from typing import Any

from celery.worker import consumer
from celery.worker.state import maybe_shutdown
from redis import RedisError

from worker.relay import Relay

LONGEST_PAUSE_SECONDS = 3

log = logging.getLogger(__name__)


class Consumer(consumer.Consumer):  # type: ignore[misc]
    """Finds a Redis that is back within three seconds, where Celery takes 30, and lets the relay go on meanwhile."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.connection_errors = (Exception,)  # whatever goes wrong is got over by a new connection, and ends nothing

    def ensure_connected(self, conn: Any) -> Any:
        relays = [step for step in self.controller.steps if isinstance(step, Relay)]

        def meanwhile() -> None:
            maybe_shutdown()
            for relay in relays:
                relay.tick_if_due()

        def say(error: Exception, pause: float) -> None:
            log.warning("Redis does not answer, trying again in %.0f s: %s", pause, error)

        meanwhile()  # also where connecting succeeds and what follows does not, as with a Redis that is full
        return conn.ensure_connection(
            say, None, interval_start=1, interval_step=1, interval_max=LONGEST_PAUSE_SECONDS, callback=meanwhile
        )

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Closing what was lost fails at times, as Kombu would first put back what nobody has acknowledged."""
        try:
            super().on_connection_error_after_connected(exc)
        except Exception as error:
            log.warning("a lost connection to Redis could not be closed: %r", error)

    def on_ready(self) -> None:
        """Redis may hand over anything from here on; for what is no message at all, Kombu would end the worker."""
        super().on_ready()
        channel = self.task_consumer.channel
        channel.handlers["BRPOP"] = partial(self.read, channel)

    def read(self, channel: Any) -> None:
        try:
            channel._brpop_read()
        except (Empty, OSError, RedisError):
            raise
        except Exception as error:
            log.warning("discarded what is no message: %s", type(error).__name__)

    def on_unknown_message(self, body: Any, message: Any) -> None:
        discard("not a task", message)

    def on_unknown_task(self, body: Any, message: Any, exc: Exception) -> None:
        discard("not a task of ours", message)

    def on_invalid_task(self, body: Any, message: Any, exc: Exception) -> None:
        discard("not the arguments of a task", message)

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        discard("cannot be read", message)


def discard(why: str, message: Any) -> None:
    """One line, without what the message says, which may be long and nobody's to read."""
    log.warning("discarded a message that is %s, of %d bytes", why, len(message.body or b""))
    message.ack()
