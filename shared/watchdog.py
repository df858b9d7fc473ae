"""Ends waiting for a database that will not answer.

psycopg2 waits for a reply without end, and its mode that could be bounded knows no COPY. So a thread looks at who has
waited for long, and asks the server by a connection of its own: when that has no answer either, or says that it is not
at work on what is waited for (the statement or its reply was lost on the way), the socket is shut, and the call that
waits fails like one whose server has gone. What the server is at work on may take as long as the server lets it.
"""

import logging
import os
import selectors
import socket
import threading
import time
from collections.abc import Iterable
from typing import Any
from weakref import WeakValueDictionary

import psycopg2
from psycopg2 import extensions
from sqlalchemy import make_url

from shared.settings import settings

LOOK_SECONDS = 0.25
PATIENCE_SECONDS = 1.5
ASK_SECONDS = 2.0
MARGIN_SECONDS = 2.0
ASK = "SELECT pid, state FROM pg_stat_activity WHERE pid = ANY(%s)"

log = logging.getLogger(__name__)


class Connection(extensions.connection):  # type: ignore[misc]
    """One that tells since when it has waited for the server, and for how long it may."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.waits_since = 0.0
        self.seconds = settings().statement_seconds
        self.cursor_factory = Cursor
        _connections[id(self)] = self
        watch()

    def commit(self) -> None:
        self.waits_since = time.monotonic()
        try:
            super().commit()
        finally:
            self.waits_since = 0.0

    def rollback(self) -> None:
        self.waits_since = time.monotonic()
        try:
            super().rollback()
        finally:
            self.waits_since = 0.0


class Cursor(extensions.cursor):  # type: ignore[misc]
    """A cursor of such a connection; to be watched costs each statement 2 us."""

    def execute(self, *arguments: Any) -> None:
        self.connection.waits_since = time.monotonic()
        try:
            super().execute(*arguments)
        finally:
            self.connection.waits_since = 0.0

    def copy_expert(self, *arguments: Any) -> None:
        connection, before = self.connection, self.connection.seconds
        connection.waits_since, connection.seconds = time.monotonic(), settings().upload_seconds
        try:
            super().copy_expert(*arguments)
        finally:
            connection.waits_since, connection.seconds = 0.0, before


_connections: WeakValueDictionary[int, Connection] = WeakValueDictionary()
_threads: list[threading.Thread] = []
os.register_at_fork(after_in_child=_connections.clear)  # the parent's are not this process's to shut


def watch() -> None:
    """Sees to it that this process has its thread; one that was forked has none yet."""
    if not any(thread.is_alive() for thread in _threads):
        _threads[:] = [threading.Thread(target=run, name="watchdog", daemon=True)]
        _threads[0].start()


def run() -> None:
    clock = threading.Event()
    while not clock.wait(LOOK_SECONDS):
        try:
            look(clock)
        except Exception as error:  # this thread goes on, whatever happens
            log.warning("watching connections: %s", error)


def look(clock: threading.Event) -> None:
    """Shuts what waits in vain."""
    late = waiting_longer_than(PATIENCE_SECONDS)
    if not late:
        return
    try:
        states = asked([connection.info.backend_pid for connection, _ in late])
    except TimeoutError:
        shut(late, "the database does not answer")
        return
    except psycopg2.Error:  # no room, or starting: it is there
        states = {}
    idle = [(one, since) for one, since in late if states.get(one.info.backend_pid, "").startswith("idle")]
    if idle:
        clock.wait(LOOK_SECONDS)  # a reply may be on its way
        shut(idle, "a reply of the database was lost")
    now = time.monotonic()
    shut([(one, since) for one, since in late if now - since > one.seconds + MARGIN_SECONDS], "no reply in time")


def waiting_longer_than(seconds: float) -> list[tuple[Connection, float]]:
    now, found = time.monotonic(), []
    for reference in _connections.valuerefs():
        connection = reference()
        if connection is not None and (since := connection.waits_since) and now - since > seconds:
            found.append((connection, since))
    return found


def shut(late: Iterable[tuple[Connection, float]], why: str) -> None:
    for connection, since in late:
        if connection.waits_since == since:  # it still waits for the same
            log.warning("%s: ended a call that waited for %.1f s", why, time.monotonic() - since)
            with socket.socket(fileno=os.dup(connection.fileno())) as link:
                link.shutdown(socket.SHUT_RDWR)


def asked(pids: list[int]) -> dict[int, str]:
    """What the server says it is at for each of its processes; TimeoutError if it says nothing."""
    deadline = time.monotonic() + ASK_SECONDS
    address = make_url(settings().database_url).set(drivername="postgresql")
    link = psycopg2.connect(address.render_as_string(hide_password=False), async_=True)
    try:
        settle(link, deadline)
        cursor = link.cursor()
        cursor.execute(ASK, (pids,))
        settle(link, deadline)
        return {pid: state or "" for pid, state in cursor.fetchall()}
    finally:
        link.close()


def settle(link: Any, deadline: float) -> None:
    """Returns when the server has answered what the connection asked."""
    while (state := link.poll()) != extensions.POLL_OK:
        with selectors.DefaultSelector() as selector:  # not select(), which knows no file number above 1,023
            selector.register(link, selectors.EVENT_READ if state == extensions.POLL_READ else selectors.EVENT_WRITE)
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise TimeoutError
