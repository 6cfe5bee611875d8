"""SIGTERM: who waits is answered, who is slow is not waited for, and the process ends in time."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.gunicorn import HEALTH, Gunicorn, answer_on, ask, running_gunicorn

GRACE = 10  # gunicorn's graceful_timeout
ORDER = {"customer_id": "ada", "email": "ada@example.com", "amount": 1, "currency": "EUR"}


@pytest.fixture
def service(tmp_path: Path, store_environ: dict[str, str]) -> Iterator[Gunicorn]:
    """Return a service whose provider cannot be reached, so that no payment has an outcome."""
    with running_gunicorn(
        tmp_path,
        settings=store_environ,
        PAYPAL_BASE_URL="http://127.0.0.1:1",
        PAYPAL_CLIENT_ID="a",
        PAYPAL_CLIENT_SECRET="b",
    ) as service:
        customer = {"customer_id": "ada", "email": "ada@example.com"}
        assert ask(service, b"".join(service.post("/v1/api/customer", customer))).status == 201
        yield service


def test_it_answers_who_waits_and_ends_whoever_is_slow(service: Gunicorn) -> None:
    clients = [service.connect() for _ in range(8)]
    waiting, idle, late, silent, *slow = clients
    waiting.sendall(b"".join(service.post("/v1/api/payment", ORDER, "Prefer: wait=30")))
    idle.sendall(HEALTH)
    assert answer_on(idle).status == 200
    head, body = service.post("/v1/api/payment", ORDER)
    late.sendall(head + body[:9])
    for client in slow:
        client.sendall(head[:20])
    time.sleep(0.5)
    began = time.monotonic()
    service.process.send_signal(signal.SIGTERM)
    time.sleep(0.2)
    late.sendall(body[9:])  # in the time for requests that are on their way
    answer = answer_on(waiting)
    assert (answer.status, answer.closes, answer.json["status"]) == (202, True, "submitting")
    answer = answer_on(late)
    assert (answer.status, answer.closes) == (202, True)
    assert [answer_on(client).status for client in slow] == [408] * len(slow)
    assert (idle.recv(10), silent.recv(10)) == (b"", b"")
    assert service.process.wait(GRACE + 5) == 0
    assert time.monotonic() - began < GRACE
    assert "SIGKILL" not in service.output()
    for client in clients:
        client.close()
