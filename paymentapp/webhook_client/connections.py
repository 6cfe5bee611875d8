"""Connections to checked addresses, whose reads and writes end by a deadline.

http.client and not requests or urllib3: they resolve a name after any check of it, and their
time-outs are for each read, so that a host that sends a byte a second would keep a thread for ever.
"""

from __future__ import annotations

import io
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from http.client import HTTPConnection
from typing import Any, cast

from paymentapp.webhook_client.addresses import ForbiddenUrl, WebhookTarget, is_allowed

CONNECT_SECONDS = 5.0
Resolve = Callable[[str, int], Sequence[tuple[Any, ...]]]


def resolve(host: str, port: int) -> Sequence[tuple[Any, ...]]:
    """Return the addresses of a host, as `socket.getaddrinfo`. Raises OSError."""
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


class TimedSocket:
    """A socket of which all reads and writes end by `deadline`, in monotonic seconds.

    Has what `http.client` uses of a socket. Reads and writes raise TimeoutError.
    """

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self.deadline = deadline

    def sendall(self, data: bytes) -> None:
        """Send all of the data."""
        self._limited().sendall(data)

    def receive_into(self, buffer: Any) -> int:
        """Receive what has arrived; return how many bytes, 0 at the end."""
        return self._limited().recv_into(buffer)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return a reader, whose end does not close the socket."""
        return io.BufferedReader(_TimedReader(self))

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()

    def _limited(self) -> socket.socket:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(left)
        return self._sock


class _TimedReader(io.RawIOBase):
    """The reading side of a TimedSocket."""

    def __init__(self, timed: TimedSocket) -> None:
        self._timed = timed

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._timed.receive_into(buffer)


class WebhookConnection:
    """An HTTP connection to a checked address of a target."""

    def __init__(self, target: WebhookTarget, timed: TimedSocket) -> None:
        self.used_at = time.monotonic()
        self._timed = timed
        self._http = HTTPConnection(target.host, target.port)
        self._http.auto_open = 0  # it must never connect by itself: to an unchecked address
        self._http.sock = cast(socket.socket, timed)

    def post(self, path: str, headers: dict[str, str], body: bytes, deadline: float) -> int:
        """Send a request and return the status of the answer; of its body no more is read.

        Raises OSError, http.client.HTTPException.
        """
        self._timed.deadline = deadline
        self._http.request("POST", path, body, headers)
        response = self._http.getresponse()
        try:
            self._drain(response)
        finally:
            response.close()
        self.used_at = time.monotonic()
        return response.status

    def _drain(self, response: Any) -> None:
        """Read a short body, so that the connection can be used again; else close it."""
        if response.will_close:
            self.close()
            return
        try:
            response.read(_BODY_MAX)
            if not response.isclosed():
                self.close()
        except Exception:  # the status has arrived, and is what counts
            self.close()

    @property
    def is_open(self) -> bool:
        """Return whether another request can be sent."""
        return self._http.sock is not None

    def close(self) -> None:
        """Close the connection."""
        self._http.close()


_BODY_MAX = 64 * 1024


def connect(
    target: WebhookTarget,
    deadline: float,
    tls: ssl.SSLContext | None,
    *,
    allow_loopback: bool,
    resolve: Resolve = resolve,
) -> WebhookConnection:
    """Connect to a target: by its first address that answers, if all of them are allowed.

    With `tls` the certificate has to be the host's. Raises ForbiddenUrl, OSError.
    """
    addresses = [each[4][:2] for each in resolve(target.host, target.port)]
    for address, _ in addresses:
        if not is_allowed(address, allow_loopback=allow_loopback):
            raise ForbiddenUrl("the host's name resolves to an address that is not public")
    timed = TimedSocket(_connected(addresses, target, deadline, tls), deadline)
    return WebhookConnection(target, timed)


def _connected(
    addresses: Sequence[tuple[str, int]],
    target: WebhookTarget,
    deadline: float,
    tls: ssl.SSLContext | None,
) -> socket.socket:
    failure: OSError = OSError("the host's name has no address")
    for address in addresses:
        left = min(CONNECT_SECONDS, deadline - time.monotonic())
        if left <= 0:
            raise TimeoutError
        try:
            sock = socket.create_connection(address, left)  # an address: nothing is resolved
        except OSError as error:
            failure = error
            continue
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock if tls is None else tls.wrap_socket(sock, server_hostname=target.host)
        except BaseException:
            sock.close()
            raise
    raise failure
