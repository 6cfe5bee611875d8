"""A TCP proxy on loopback that fails on demand: for stores that refuse, hang or are slow."""

from __future__ import annotations

import contextlib
import socket
import threading
import time


class Proxy:
    """Forwards bytes to a server.

    `mode` is `pass`, `refuse` (close at once) or `hang`; `delay` is the seconds before each piece
    of an answer.
    """

    def __init__(self, host: str, port: int) -> None:
        self.mode = "pass"
        self.delay = 0.0
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def set(self, mode: str = "pass", delay: float = 0.0) -> None:
        """Change the mode; open connections are affected too."""
        self.mode, self.delay = mode, delay
        if mode == "refuse":
            for connection in list(self._open):
                _close(connection)

    def close(self) -> None:
        _close(self._listener)
        self.set("refuse")

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.mode == "refuse":
                _close(client)
                continue
            server = socket.create_connection(self._target)
            self._open |= {client, server}
            for source, sink, slow in ((client, server, False), (server, client, True)):
                threading.Thread(target=self._pump, args=(source, sink, slow), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, slow: bool) -> None:
        try:
            while piece := source.recv(65536):
                while self.mode == "hang":
                    time.sleep(0.05)
                if slow and self.delay:
                    time.sleep(self.delay)
                sink.sendall(piece)
        except OSError:
            pass
        finally:
            for connection in (source, sink):
                _close(connection)
                self._open.discard(connection)


def _close(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
