"""A wire between the service and a server that the storm can cut, block, or rob of one answer."""

import re
import socket
from contextlib import suppress
from threading import Event, Lock, Thread

HOST = "127.0.0.1"


class Wire:
    """One connection, handed on in both ways by a thread each."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client, self.server = client, server
        self.dead = Event()
        self.loses_answer = Event()

    def close(self) -> None:
        for end in self.client, self.server:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


class Proxy:
    """Hands bytes on to a port until it is told otherwise."""

    def __init__(self, port: int) -> None:
        self.target = port
        self.lock = Lock()
        self.wires: set[Wire] = set()
        self.silent = False
        self.robs: re.Pattern[bytes] | None = None
        self.robbed = Event()
        self.door = socket.create_server((HOST, 0), backlog=256)
        self.port: int = self.door.getsockname()[1]
        Thread(target=self.accept, daemon=True).start()

    def half_open(self) -> None:
        """Every connection there is goes dead without being closed, and new ones lead nowhere until `flow`.

        The dead ones stay dead for good, as after a machine between the two has forgotten them.
        """
        with self.lock:
            self.silent = True
            for wire in self.wires:
                wire.dead.set()

    def flow(self) -> None:
        """New connections are handed on again."""
        with self.lock:
            self.silent = False

    def lose_answer_to(self, pattern: bytes) -> Event:
        """The next request like this reaches the server; its answer is thrown away and the connection closed."""
        self.robbed = Event()
        self.robs = re.compile(pattern)
        return self.robbed

    def accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self.door.accept()
                Thread(target=self.connect, args=(client,), daemon=True).start()

    def connect(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection((HOST, self.target), timeout=2)
        except OSError:
            client.close()
            return
        server.settimeout(None)
        wire = Wire(client, server)
        for end in client, server:
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self.lock:
            self.wires.add(wire)
            if self.silent:
                wire.dead.set()
        Thread(target=self.carry_up, args=(wire,), daemon=True).start()
        Thread(target=self.carry_down, args=(wire,), daemon=True).start()

    def carry_up(self, wire: Wire) -> None:
        with suppress(OSError):
            while data := wire.client.recv(1 << 16):
                if wire.dead.is_set():
                    return  # taken, and never handed on
                if self.robs and self.robs.search(data):
                    self.robs = None
                    wire.loses_answer.set()
                wire.server.sendall(data)
        self.end(wire)

    def carry_down(self, wire: Wire) -> None:
        with suppress(OSError):
            while data := wire.server.recv(1 << 16):
                if wire.dead.is_set():
                    return
                if wire.loses_answer.is_set():
                    self.robbed.set()
                    break
                wire.client.sendall(data)
        self.end(wire)

    def end(self, wire: Wire) -> None:
        """A dead wire is not closed: that is what makes it dead and not broken."""
        if not wire.dead.is_set():
            wire.close()
            with self.lock:
                self.wires.discard(wire)

    def close(self) -> None:
        self.door.close()
        with self.lock:
            for wire in self.wires:
                wire.close()
