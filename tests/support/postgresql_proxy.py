"""A proxy before PostgreSQL that loses answers or requests, and counts what a client sends.

The protocol: postgresql.org/docs/current/protocol-message-formats.html. A message of the client is
a byte and a length, but for the first ones of a connection, which have no byte.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

_PLAIN = b"N"  # the answer to a request for encryption, which this proxy could not read
_SSL, _GSS = 80877103, 80877104
_STATEMENTS = {b"Q": "statements", b"E": "statements"}
_ENDS = {b"Q": "round trips", b"S": "round trips"}
_CHANGES = (b"INSERT", b"UPDATE", b"DELETE", b"COMMIT")


class PostgreSQLProxy:
    """Forwards connections to a server.

    `lost_answers` is how many further answers to a write are lost, with their connections, after
    the server has made it; `lost_commits` counts only those after which it stays made, at the end
    of a transaction; `lost_requests` is how many writes never reach the server.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._target = (parts.hostname or "", parts.port or 5432)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self.lost_answers = 0
        self.lost_commits = 0
        self.lost_requests = 0
        self.losses = 0
        self.counts: Counter[str] = Counter()
        port = self._listener.getsockname()[1]
        user = parts.netloc.rpartition("@")[0]
        address = f"{user}@127.0.0.1:{port}"
        self.url = urlunsplit((parts.scheme, address, parts.path, "sslmode=disable", ""))
        threading.Thread(target=self._accept, daemon=True).start()

    @contextlib.contextmanager
    def counting(self) -> Iterator[Counter[str]]:
        """Count the statements and round trips of the body."""
        before = Counter(self.counts)
        found: Counter[str] = Counter()
        yield found
        found.update(self.counts - before)

    def cut(self) -> None:
        """End all connections."""
        for each in list(self._open):
            _close(each)

    def close(self) -> None:
        _close(self._listener)
        self.cut()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), socket.create_connection(self._target) as server:
            self._open |= {client, server}
            for each in (client, server):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            conversation = _Conversation(self, client, server)
            threading.Thread(target=conversation.answers, daemon=True).start()
            conversation.requests()
        _close(client)
        self._open -= {client}

    def take(self, name: str) -> bool:
        """Return whether one more is to be lost."""
        with self._lock:
            left: int = getattr(self, name)
            if not left:
                return False
            setattr(self, name, left - 1)
            self.losses += 1
            return True


class _Conversation:
    """One connection, in both directions."""

    def __init__(
        self, proxy: PostgreSQLProxy, client: socket.socket, server: socket.socket
    ) -> None:
        self._proxy, self._client, self._server = proxy, client, server
        self._started = False
        self._writes = False  # whether the answer that is awaited is one to a write
        self._is_open = False  # whether a transaction is
        self._is_lost = False
        self._prepared: dict[bytes, bytes] = {}  # statements by their names
        self._prepares = False  # whether the latest message prepares a statement, and no more

    def requests(self) -> None:
        received = b""
        while data := self._client.recv(65536):
            received += data
            received = self._forward(received)
        _close(self._server)

    def _forward(self, received: bytes) -> bytes:
        while True:
            kind, message = self._split(received)
            if message is None:
                return received
            received = received[len(message) :]
            if kind == b"" and struct.unpack("!i", message[4:8])[0] in {_SSL, _GSS}:
                self._client.sendall(_PLAIN)
                continue
            self._started = True
            statement = self._statement(kind, message)
            self._count(kind)
            if any(word in statement for word in _CHANGES):
                if self._proxy.take("lost_requests"):
                    self._lose()
                    return b""
                self._writes = True
            if statement:
                self._is_open = self._is_open or b"BEGIN" in statement
                self._is_open = self._is_open and b"COMMIT" not in statement
            if kind in _ENDS and self._writes:
                self._writes = False
                self._is_lost = self._proxy.take("lost_answers")
                self._is_lost |= not self._is_open and self._proxy.take("lost_commits")
            self._server.sendall(message)

    def _statement(self, kind: bytes, message: bytes) -> bytes:
        """Return what a message has the server do, if anything; preparing does nothing yet."""
        if kind == b"P":
            name, text, _ = message[5:].split(b"\0", 2)
            self._prepares = bool(name)
            self._prepared[name] = text
            return b"" if name else text
        if kind == b"B":
            _, name, _ = message[5:].split(b"\0", 2)
            return self._prepared.get(name, b"") if name else b""
        return message if kind == b"Q" else b""

    def _split(self, received: bytes) -> tuple[bytes, bytes | None]:
        """Return the kind of the first message, and the message if it is complete."""
        head = 1 if self._started else 0
        if len(received) < head + 4:
            return b"", None
        length = struct.unpack("!i", received[head : head + 4])[0] + head
        return received[:head], received[:length] if len(received) >= length else None

    def _count(self, kind: bytes) -> None:
        """Count a message, but for the end of one that only prepares: it is once a connection."""
        prepared, self._prepares = self._prepares, self._prepares and kind == b"P"
        if prepared and kind in _ENDS:
            return
        for names in (_STATEMENTS, _ENDS):
            if kind in names:
                self._proxy.counts[names[kind]] += 1

    def answers(self) -> None:
        with contextlib.suppress(OSError):
            while data := self._server.recv(65536):
                if self._is_lost:
                    self._lose()
                    return
                self._client.sendall(data)
        _close(self._client)

    def _lose(self) -> None:
        _close(self._client)
        _close(self._server)


def _close(each: socket.socket) -> None:
    with contextlib.suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    with contextlib.suppress(OSError):
        each.close()
