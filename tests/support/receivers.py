"""Receivers of webhooks that tests run in this process: each answers as it is told to."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.parser import BytesParser
from typing import NamedTuple

OK = b"HTTP/1.1 204 No Content\r\n\r\n"


class ReceivedWebhook(NamedTuple):
    """A request, as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes


Answering = Callable[[socket.socket, ReceivedWebhook], bool]


@dataclass
class Receiver:
    """A server whose `answer` gets the connection and a request; it may send what it wants to.

    True from it keeps the connection open.
    """

    answer: Answering
    received: list[ReceivedWebhook] = field(default_factory=list)
    connections: int = 0
    port: int = 0

    def serve(self, client: socket.socket) -> None:
        with client, client.makefile("rb") as reader:
            while line := reader.readline():
                head = b""
                while (each := reader.readline()) not in {b"\r\n", b""}:
                    head += each
                headers = dict(BytesParser().parsebytes(head).items())
                body = reader.read(int(headers.get("Content-Length", "0")))
                self.received.append(ReceivedWebhook(line.split()[1].decode(), headers, body))
                if not self.answer(client, self.received[-1]):
                    return


def answering(status: int, headers: str = "") -> Answering:
    """Return an answer of a status, with further header lines."""

    def answer(client: socket.socket, _request: ReceivedWebhook) -> bool:
        client.sendall(f"HTTP/1.1 {status} -\r\n{headers}Content-Length: 0\r\n\r\n".encode())
        return True

    return answer


@contextmanager
def receiving(
    answer: Answering | None = None,
    tls: ssl.SSLContext | None = None,
) -> Iterator[Receiver]:
    """Run a receiver on a port of 127.0.0.1."""
    receiver = Receiver(answer or answering(204))
    server = socket.create_server(("127.0.0.1", 0))
    receiver.port = server.getsockname()[1]

    def one(client: socket.socket) -> None:
        try:
            receiver.serve(tls.wrap_socket(client, server_side=True) if tls else client)
        except OSError:
            client.close()

    def accept() -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            receiver.connections += 1
            threading.Thread(target=one, args=(client,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield receiver
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
