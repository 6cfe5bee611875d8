"""`paymentapp worker`: a process that pays what others have accepted, until it is stopped."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from paymentapp.models.money import Money
from paymentapp.models.payments import Payment, Status
from paymentapp.services.payment_orders import PaymentOrder
from tests.cli.conftest import Desk
from tests.support.service import clean_environ

START_SECONDS = 30


@contextmanager
def working(desk: Desk, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the command in a process of its own; yields it once it dispatches."""
    command = [sys.executable, "-m", "paymentapp", "worker"]
    with log.open("w") as output:
        process = subprocess.Popen(
            command, env=clean_environ() | desk.environ, stderr=output, cwd=log.parent
        )
    try:
        until(lambda: "worker: dispatching from SQLite" in log.read_text())
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + START_SECONDS
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.05)


def accept(desk: Desk) -> Payment:
    """Accept a payment without dispatching it."""
    with desk.service() as parts:
        parts.customers.register("ann", "ann@example.com", {})
        order = PaymentOrder("ann", "ann@example.com", Money(Decimal(5), "USD"), "paypal")
        return parts.payments.request(order).payment


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_pays_what_was_accepted_and_ends_when_it_is_told(
    desk: Desk, tmp_path: Path, number: signal.Signals
) -> None:
    payment = accept(desk)
    with working(desk, tmp_path / "worker.log") as process:
        until(lambda: desk.read(payment).status is Status.SUCCEEDED)
        process.send_signal(number)
        assert process.wait(START_SECONDS) == 0
    assert "payments by paypal: PayPal simulator (" in (tmp_path / "worker.log").read_text()
    assert len(desk.ledger()) == 1


def test_without_tables_it_says_what_to_do(desk: Desk) -> None:
    ended = desk.run("worker")
    assert ended.exit_code == 2
    assert "has `paymentapp init` run" in ended.stderr
