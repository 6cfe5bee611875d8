"""A client's connection, and what the worker waits for on it."""

from __future__ import annotations

import ssl
from enum import Enum
from socket import socket
from typing import Any

from paymentapp.web.incoming import Incoming
from paymentapp.web.outgoing import Outgoing

_PART = 64 * 1024  # bytes that are read at once


class Stage(Enum):
    """What a connection waits for. Each stage but RUNNING has a deadline."""

    IDLE = "the next request"
    HEAD = "the rest of a head, after the TLS handshake"
    SETTLING = "a body that comes in the next packet"
    BODY = "a body that the application has asked for"
    RUNNING = "a thread"
    ANSWERING = "the client to read the answer"
    CLOSING = "the client to close the connection"
    CLOSED = "nothing"


class Connection:
    """A connection. Threads use it at stage RUNNING, the worker's loop at each other stage."""

    def __init__(self, sock: socket, client: Any, server: Any, timeout: float) -> None:
        """`client` and `server` are socket addresses; `timeout` is that of an answer."""
        self.socket = sock
        self.client, self.server = client, server
        self.stage = Stage.HEAD
        self.events = 0  # for which the selector watches the socket
        self.incoming = Incoming()
        self.sock = Outgoing(sock, timeout)  # the name under which gunicorn expects it
        self.keep = True  # whether another request may follow the answer
        self.resumed = False  # the application has seen the head of this request before
        self.discarded = 0
        self._handshake = isinstance(sock, ssl.SSLSocket)

    def receive(self) -> bool:
        """Read what has come into `incoming`; return whether there was anything.

        Raises OSError where the connection has failed.
        """
        try:
            if self._handshake and isinstance(self.socket, ssl.SSLSocket):
                self.socket.do_handshake()
                self._handshake = False
            self.incoming.feed(self.socket.recv(_PART))
            while isinstance(self.socket, ssl.SSLSocket) and self.socket.pending():
                self.incoming.feed(self.socket.recv(_PART))
        except (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False  # what a handshake writes fits into the send buffer of a new connection
        return True

    def discard(self, limit: int) -> bool:
        """Read and forget what still comes; return whether the client goes on sending.

        Raises OSError where the connection has failed.
        """
        try:
            part = self.socket.recv(_PART)
        except (BlockingIOError, InterruptedError, ssl.SSLWantReadError):
            return True
        self.discarded += len(part)
        return bool(part) and self.discarded < limit
