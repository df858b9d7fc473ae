"""A connection to the service that breaks where a test wants it to."""

import socket
from collections.abc import Sequence
from contextlib import suppress
from threading import Event, Thread


class Proxy:
    """Hands bytes on in both ways. `cuts` names for each connection in turn the way and the byte at which both end;
    with `held_after`, what a client sends behind that byte is not taken any more."""

    def __init__(self, port: int, cuts: Sequence[tuple[str, int]] = (), held_after: int | None = None) -> None:
        self.port, self.cuts, self.held_after = port, list(cuts), held_after
        self.connections = 0
        self.held = Event()
        self.sockets: list[socket.socket] = []
        self.door = socket.create_server(("127.0.0.1", 0))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.door.getsockname()[1]}"

    def __enter__(self) -> "Proxy":
        Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        close(self.door)
        for one in self.sockets:
            close(one)

    def accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self.door.accept()
                service = socket.create_connection(("127.0.0.1", self.port))
                self.sockets += [client, service]
                way, byte = self.cuts[self.connections] if self.connections < len(self.cuts) else ("", 0)
                self.connections += 1
                up, down = (byte if way == name else None for name in ("up", "down"))
                Thread(target=self.hand_on, args=(client, service, up, True), daemon=True).start()
                Thread(target=self.hand_on, args=(service, client, down, False), daemon=True).start()

    def hand_on(self, source: socket.socket, target: socket.socket, cut: int | None, is_upload: bool) -> None:
        passed = 0
        with suppress(OSError):
            while data := source.recv(65536):
                passed += len(data)
                if is_upload and self.held_after is not None and passed > self.held_after:
                    self.held.set()
                    return
                if cut is not None and passed > cut:
                    break
                target.sendall(data)
        close(source)
        close(target)


def close(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
