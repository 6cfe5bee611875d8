"""What gunicorn makes of requests that are not as they should be, as bytes on a socket."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.support.service import Service, running_service

ADA = {"customer_id": "ada", "email": "ada@example.com"}
BODY = json.dumps(ADA | {"amount": 1, "currency": "EUR"}).encode()
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


class Answer(NamedTuple):
    """A response, and whatever came after its head on the connection."""

    status: int
    head: str
    rest: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.rest)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running_service(tmp_path_factory.mktemp("gunicorn")) as service:
        service.call("POST", "/v1/api/customer", ADA)
        yield service


def exchange(service: Service, request: bytes) -> Answer:
    """Send bytes, and read until the server closes the connection or says no more for a while."""
    received = b""
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        while part := connection.recv(65536):
            received += part
    head, _, rest = received.partition(b"\r\n\r\n")
    return Answer(int(head.split()[1]), head.decode(), rest)


def payment(*lines: str, body: bytes = BODY, chunked: bool = False) -> bytes:
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
    head = ["POST /v1/api/payment HTTP/1.1", "Host: 127.0.0.1", framing, *lines]
    if not any(line.startswith("Content-Type") for line in lines):
        head.append("Content-Type: application/json")
    return "\r\n".join([*head, "", ""]).encode() + body


def payments(service: Service) -> int:
    return len(service.call("GET", "/v1/api/payment/ada?limit=100")[1]["payments"])


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("Idempotency-Key", ("a", "b")),
        ("Idempotency-Key", ('"a"', '"b"')),
        ("idempotency-key", ("a", "a")),
        ("Authorization", ("Bearer a", "Bearer b")),
        ("X-API-Key", ("a", "b")),
        ("If-Match", ('"1"', '"2"')),
        ("Content-Length", (str(len(BODY)), "1")),
        ("Content-Type", ("application/json", "text/plain")),
    ],
)
def test_two_lines_of_a_header_with_one_value_are_refused(
    service: Service, name: str, values: tuple[str, str]
) -> None:
    before = payments(service)
    answer = exchange(service, payment(*(f"{name}: {value}" for value in values)))
    assert answer.status == 400
    assert payments(service) == before


def test_a_header_with_an_underscore_is_no_header_of_ours(service: Service) -> None:
    request = payment("Idempotency_Key: other", 'Idempotency-Key: "under"')
    first, again = exchange(service, request), exchange(service, request)
    assert (first.status, again.status) == (202, 202)
    assert first.body["payment_id"] == again.body["payment_id"]


@pytest.mark.parametrize(
    "body",
    [
        b"zz\r\n{}\r\n0\r\n\r\n",
        b"-1\r\n{}\r\n0\r\n\r\n",
        b"\r\n",
        b"0x2\r\n{}\r\n0\r\n\r\n",
        b"2\r\n{}XX0\r\n\r\n",
        b"2;a=\x01\r\n{}\r\n0\r\n\r\n",
        b"2\r\n{}\r\n0\r\nbad trailer\r\n\r\n",
        b"2\r\n{",
        b"9" * 9000,
    ],
)
def test_a_body_that_is_not_correctly_chunked_is_refused(service: Service, body: bytes) -> None:
    """And nothing after it on the connection is taken for a request."""
    answer = exchange(service, payment(body=body + HEALTH, chunked=True))
    assert answer.status == 400, answer
    assert "Content-Type: application/problem+json" in answer.head
    assert answer.body["type"] == "/problems/invalid-request"
    assert "Traceback" not in service.output()


def test_a_body_that_is_correctly_chunked_is_taken(service: Service) -> None:
    half = len(BODY) // 2
    parts = (BODY[:half], BODY[half:], b"")
    chunks = b"".join(b"%x;note=1\r\n%s\r\n" % (len(part), part) for part in parts)
    answer = exchange(service, payment(body=chunks + HEALTH, chunked=True))
    assert answer.status == 202
    assert re.search(rb"HTTP/1.1 200 OK", answer.rest)  # the next request on the connection


def test_a_body_that_ends_early_is_refused(service: Service) -> None:
    """Although what has come is a complete order."""
    request = payment().replace(b"Content-Length: ", b"Content-Length: 9")
    answer = exchange(service, request)
    assert answer.status == 400
    assert "Content-Length" in answer.body["errors"][0]["message"]
