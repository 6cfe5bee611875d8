"""An answer that its client reads slowly."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from paymentapp.web.outgoing import QUEUE_LIMIT, Outgoing


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    server, client = socket.socketpair()
    server.setblocking(False)
    with server, client:
        yield server, client


def test_it_is_sent_as_far_as_it_is_read(pair: tuple[socket.socket, socket.socket]) -> None:
    server, client = pair
    outgoing, answer = Outgoing(server, 5), bytes(range(256)) * 8000
    outgoing.sendall(answer)
    assert 0 < len(outgoing) < len(answer)
    received = b""
    while not outgoing.flush():
        received += client.recv(65536)
    while len(received) < len(answer):
        received += client.recv(65536)
    assert received == answer


def test_a_thread_waits_only_where_too_much_is_unread_and_not_for_ever(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    outgoing = Outgoing(pair[0], 0.05)
    outgoing.sendall(b"a" * QUEUE_LIMIT)
    with pytest.raises(TimeoutError):
        outgoing.sendall(b"a" * QUEUE_LIMIT)


def test_who_has_gone_is_noticed(pair: tuple[socket.socket, socket.socket]) -> None:
    server, client = pair
    client.close()
    outgoing = Outgoing(server, 5)
    outgoing.sendall(b"a")
    with pytest.raises(OSError, match="pipe"):
        outgoing.flush()
