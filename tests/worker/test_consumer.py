"""What listens for hints gets over whatever Redis does."""

from kombu import Connection

from worker.app import app
from worker.consumer import Consumer


class Unclosable(Connection):
    """As when Redis dies while Kombu puts back what was not acknowledged."""

    def release(self) -> None:
        raise AttributeError("'NoneType' object has no attribute 'hostname'")

    close = release


def test_a_lost_connection_that_cannot_be_closed_ends_nothing() -> None:
    lost = Consumer.__new__(Consumer)
    lost.app, lost.connection = app, Unclosable("memory://")
    lost.on_connection_error_after_connected(ConnectionResetError())
    assert lost.connection is None
