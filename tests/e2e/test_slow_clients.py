"""Clients that send or read slowly hold connections, and never a thread."""

from __future__ import annotations

import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from tests.support.gunicorn import (
    HEALTH,
    Gunicorn,
    RawAnswer,
    answer_on,
    ask,
    healthy_within,
    running_gunicorn,
    slow_clients,
)

ADA = {"customer_id": "ada", "email": "ada@example.com"}
BUNDLE = "/docs/swagger-ui-bundle.js"
SECONDS = 5  # in which others are answered, on a busy machine
Part = Callable[[Gunicorn], bytes]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    """Four threads, which wait for a head two seconds, for a body three, and for a reader two."""
    with running_gunicorn(
        tmp_path_factory.mktemp("slow"),
        PAYMENTAPP_HEAD_TIMEOUT="2",
        PAYMENTAPP_BODY_TIMEOUT="3",
        PAYMENTAPP_ANSWER_TIMEOUT="2",
        PAYMENTAPP_STRIPE_SECRET_KEY=f"sk_test_{'1' * 24}",
        PAYMENTAPP_STRIPE_WEBHOOK_SECRETS=f"whsec_{'1' * 32}",
        PAYMENTAPP_DISPATCHER="off",
        PAYMENTAPP_RATE_LIMIT_CLIENTS="1000/3600",
    ) as service:
        yield service


def half_a_head(service: Gunicorn) -> bytes:
    return service.head("POST", "/v1/api/customer", "X-Slow: ")[:-2]


def half_a_body(service: Gunicorn) -> bytes:
    head, body = service.post("/v1/api/customer", ADA)
    return head + body[:5]


def half_a_chunked_body(service: Gunicorn) -> bytes:
    lines = ("Content-Type: application/json", "Transfer-Encoding: chunked")
    return service.head("POST", "/v1/api/customer", *lines) + b"\r\nff\r\n{"


def half_a_webhook(service: Gunicorn) -> bytes:
    head, body = service.post("/webhooks/stripe", ADA, key=False)
    return head + body[:5]


def nothing(_service: Gunicorn) -> bytes:
    return b""


@pytest.mark.parametrize(
    "part", [nothing, half_a_head, half_a_body, half_a_chunked_body, half_a_webhook]
)
def test_forty_unfinished_requests_stop_nobody(service: Gunicorn, part: Part) -> None:
    with slow_clients(service, 40, part(service)):
        assert healthy_within(service, SECONDS)
        assert ask(service, b"".join(service.post("/v1/api/customer", ADA))).status in {200, 201}


def test_four_hundred_unfinished_requests_stop_nobody(service: Gunicorn) -> None:
    with slow_clients(service, 400, half_a_body(service)):
        assert healthy_within(service, SECONDS)


@pytest.mark.parametrize("part", [half_a_head, half_a_body, half_a_chunked_body, half_a_webhook])
def test_a_request_that_is_late_is_answered_408_and_its_connection_closed(
    service: Gunicorn, part: Part
) -> None:
    """Although a byte comes each second: the deadline is that of the whole."""
    with slow_clients(service, 1, part(service)) as (client,):
        began = time.monotonic()
        with_bytes = threading.Thread(target=trickle, args=[client], daemon=True)
        with_bytes.start()
        answer = answer_on(client)
        assert (answer.status, answer.closes) == (408, True)
        assert answer.json["title"] == "Request Timeout"
        assert 1 < time.monotonic() - began < 10


def trickle(client: socket.socket) -> None:
    for _ in range(8):
        try:
            client.sendall(b"a")
        except OSError:
            return
        time.sleep(0.5)


def test_a_connection_that_says_nothing_is_closed(service: Gunicorn) -> None:
    with slow_clients(service, 1, b"") as (client,):
        assert client.recv(100) == b""


def test_a_request_in_small_pieces_is_taken_once(service: Gunicorn) -> None:
    head, body = service.post("/v1/api/customer", ADA | {"customer_id": "slow"})
    with service.connect() as client:
        for piece in (head[:30], head[30:], body[:3], body[3:20], body[20:]):
            client.sendall(piece)
            time.sleep(0.2)
        assert answer_on(client).status == 201
        client.sendall(HEALTH)
        assert answer_on(client).status == 200  # on the same connection


def test_a_request_whose_body_comes_later_counts_once(service: Gunicorn) -> None:
    """The application begins with it twice: with its head, and when the body is there."""

    def remaining(answer: RawAnswer) -> int:
        return int(answer.head.lower().partition('ratelimit: "client";r=')[2].partition(";")[0])

    before = remaining(ask(service, service.head("GET", "/v1/api/customer") + b"\r\n"))
    head, body = service.post("/v1/api/customer", ADA)
    with service.connect() as client:
        client.sendall(head)
        time.sleep(0.5)
        client.sendall(body)
        assert remaining(answer_on(client)) == before - 1


def test_a_stranger_is_refused_before_the_body_has_come(service: Gunicorn) -> None:
    head, _ = service.post("/v1/api/customer", ADA, key=False)
    answer = ask(service, head, SECONDS)
    assert (answer.status, answer.closes) == (401, True)


@pytest.mark.parametrize(
    ("provider", "length", "status"), [("nobody", 9, 404), ("stripe", 10**9, 413)]
)
def test_a_webhook_is_judged_before_the_body_has_come(
    service: Gunicorn, provider: str, length: int, status: int
) -> None:
    head = service.head("POST", f"/webhooks/{provider}", f"Content-Length: {length}", key=False)
    assert ask(service, head + b"\r\n", SECONDS).status == status


def test_who_waits_to_be_told_to_send_is_told_after_authentication(service: Gunicorn) -> None:
    expects = "Expect: 100-continue"
    head, body = service.post("/v1/api/customer", ADA | {"customer_id": "polite"}, expects)
    stranger, _ = service.post("/v1/api/customer", ADA, expects, key=False)
    with service.connect() as client:
        client.sendall(head)
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(body)
        assert answer_on(client).status == 201
    assert ask(service, stranger, SECONDS).status == 401


def test_a_head_without_end_is_refused(service: Gunicorn) -> None:
    assert ask(service, b"GET / HTTP/1.1\r\nX: " + b"a" * 40_000).status == 431


def test_a_body_of_tiny_chunks_is_refused_where_it_takes_too_much_memory(
    service: Gunicorn,
) -> None:
    lines = ("Content-Type: application/json", "Transfer-Encoding: chunked")
    head = service.head("POST", "/v1/api/customer", *lines) + b"\r\n"
    assert ask(service, head + b"1\r\n \r\n" * 30_000).status == 413


def slow_reader(service: Gunicorn) -> socket.socket:
    """Ask ten times for the largest file that there is, and read nothing.

    The kernel takes four megabytes of the answers at most, which are more than ten.
    """
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
    client.connect(("127.0.0.1", service.port))
    client.sendall((service.head("GET", BUNDLE) + b"\r\n") * 10)
    return client


def test_slow_readers_stop_nobody_and_are_closed(service: Gunicorn) -> None:
    readers = [slow_reader(service) for _ in range(40)]
    assert healthy_within(service, SECONDS)
    time.sleep(2.5)  # longer than a reader may take
    received = sum(map(len, iter(lambda: readers[0].recv(65536), b"")))
    assert received < 9 * len(ask(service, service.head("GET", BUNDLE) + b"\r\n").body)
    for reader in readers:
        reader.close()


def test_who_reads_late_reads_everything(service: Gunicorn) -> None:
    whole = ask(service, service.head("GET", BUNDLE) + b"\r\n").body
    with slow_reader(service) as reader:
        reader.settimeout(SECONDS)
        time.sleep(0.5)
        assert answer_on(reader).body == whole


def test_health_is_answered_while_every_thread_waits_for_the_store(service: Gunicorn) -> None:
    database = sqlite3.connect(service.log.parent / "test.db", isolation_level=None)
    database.execute("BEGIN IMMEDIATE")  # nobody else may write
    clients = [service.connect() for _ in range(8)]
    for number, client in enumerate(clients):
        customer = ADA | {"customer_id": f"waits{number}"}
        client.sendall(b"".join(service.post("/v1/api/customer", customer)))
    assert [healthy_within(service, 1) for _ in range(3)] == [True] * 3
    database.execute("ROLLBACK")
    assert [answer_on(client).status for client in clients] == [201] * 8
    database.close()


def test_at_the_bound_of_connections_a_slow_one_makes_room(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("bound")
    with (
        running_gunicorn(folder, PAYMENTAPP_CONNECTIONS="50") as service,
        slow_clients(service, 200, half_a_head(service)) as clients,
    ):
        assert healthy_within(service, SECONDS)
        with suppress(ConnectionResetError):  # where it was closed before its bytes were read
            assert clients[0].recv(10) == b""  # the oldest
        assert "to make room for others" in service.output()
        assert len(service.output().splitlines()) < 20  # not a line for each
