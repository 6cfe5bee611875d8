"""What the application has answered and the client has not yet read."""

from __future__ import annotations

import select
import ssl
import time
from socket import socket

_PIECE = 64 * 1024  # bytes that are collected before the first attempt to send them
# Bytes of one answer that may wait for the client without a thread. No answer of the API is larger.
QUEUE_LIMIT = 4 * 1024 * 1024
_BLOCKED = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Outgoing:
    """Takes the bytes of an answer, and sends as many as the client reads.

    It has the methods of a socket that gunicorn's response writer calls. A thread is done with an
    answer when it is queued here; the worker's loop sends the rest.
    """

    def __init__(self, sock: socket, timeout: float) -> None:
        self._sock = sock
        self._timeout = timeout  # seconds that a thread waits for space in a full queue
        self._queue = bytearray()
        self.begun = False  # whether anything of the present answer is queued or sent
        self.resumed = False  # whether the application has seen the head of the request before

    def __len__(self) -> int:
        return len(self._queue)

    def sendall(self, data: bytes) -> None:
        """Queue bytes; wait only where more of them than QUEUE_LIMIT have not been read.

        Raises OSError where the client has gone, or reads too slowly.
        """
        self.begun = True
        self._queue += data
        if len(self._queue) > _PIECE:
            self.flush()
        if len(self._queue) > QUEUE_LIMIT:
            self._wait_for_space()

    send = sendall

    def flush(self) -> bool:
        """Send what can be sent now; return whether that was everything. Raises OSError."""
        while self._queue:
            try:
                sent = self._sock.send(memoryview(self._queue)[:_PIECE].toreadonly())
            except _BLOCKED:
                return False
            del self._queue[:sent]
        return True

    def _wait_for_space(self) -> None:
        end = time.monotonic() + self._timeout
        poller = select.poll()
        poller.register(self._sock, select.POLLOUT)
        while len(self._queue) > QUEUE_LIMIT // 2:
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError("the client reads its answer too slowly")
            poller.poll(left * 1000)
            self.flush()

    # What else gunicorn calls on the socket of a response.

    def gettimeout(self) -> float:
        """Return 0: sending never blocks."""
        return 0.0

    def shutdown(self, _how: int) -> None:
        """Refuse, so that gunicorn does not wait in a thread for the client to close."""
        raise OSError("the worker closes the connection")

    def close(self) -> None:
        """Do nothing: the worker closes the connection."""
