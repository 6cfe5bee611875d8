"""Under gunicorn a process of its own delivers webhooks, and ends with whoever started it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import requests

from tests.support.receivers import Receiver, receiving
from tests.support.service import Service, alive, children, running_service

SECONDS = 60


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def delivering(service: Service) -> list[int]:
    """Return the processes that deliver webhooks."""
    return [pid for pid in service.descendants() if "paymentapp.delivering" in _command(pid)]


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def register(service: Service, receiver: Receiver) -> None:
    url = f"http://127.0.0.1:{receiver.port}/"
    answer = requests.post(f"{service.url}/v1/api/webhook-endpoints", json={"url": url}, timeout=15)
    assert answer.status_code == 201, answer.text
    body = {"customer_id": "ada", "email": "ada@example.com"}
    requests.post(f"{service.url}/v1/api/customer", json=body, timeout=15).raise_for_status()


def pay(service: Service) -> str:
    body = {"customer_id": "ada", "email": "ada@example.com", "amount": 5, "currency": "USD"}
    answer = requests.post(f"{service.url}/v1/api/payment", json=body, timeout=15)
    return str(answer.json()["payment_id"])


def has_come(receiver: Receiver, payment_id: str) -> Callable[[], bool]:
    return lambda: any(payment_id.encode() in each.body for each in list(receiver.received))


def test_it_delivers_and_ends_with_the_worker_that_started_it(tmp_path: Path) -> None:
    with (
        receiving() as receiver,
        running_service(tmp_path, PAYMENTAPP_WEBHOOKS_ALLOW_LOOPBACK="on") as service,
    ):
        assert delivering(service) == []
        register(service, receiver)
        until(has_come(receiver, pay(service)))
        (first,) = delivering(service)
        assert os.getpriority(os.PRIO_PROCESS, first) > os.getpriority(os.PRIO_PROCESS, 0)
        (parent,) = (pid for pid in service.descendants() if first in children(pid))
        os.kill(parent, signal.SIGKILL)
        until(lambda: not alive(first))


def test_it_ends_with_the_service(tmp_path: Path) -> None:
    with (
        receiving() as receiver,
        running_service(tmp_path, PAYMENTAPP_WEBHOOKS_ALLOW_LOOPBACK="on") as service,
    ):
        register(service, receiver)
        until(lambda: delivering(service) != [])
        (only,) = delivering(service)
    assert not alive(only)
    assert "ended with status" not in service.output()


def test_one_that_is_killed_is_started_again_and_nothing_is_lost(tmp_path: Path) -> None:
    with (
        receiving() as receiver,
        running_service(tmp_path, PAYMENTAPP_WEBHOOKS_ALLOW_LOOPBACK="on") as service,
    ):
        register(service, receiver)
        until(has_come(receiver, pay(service)))
        (first,) = delivering(service)
        os.kill(first, signal.SIGKILL)
        killed_at = time.monotonic()
        until(has_come(receiver, pay(service)))
        assert time.monotonic() - killed_at < 20  # it did not wait for the leases of the first
        assert delivering(service) != [first]
    assert "which delivers webhooks, has ended with status -9" in service.output()
