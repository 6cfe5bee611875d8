"""A fault at each call of a payment, by both plans: whatever it is, the payment is made once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count
from typing import cast

import pytest

from paymentapp.errors import NotSent, OutcomeUnknown
from paymentapp.providers.base import Accepted
from paymentapp.providers.http import Answer, Http
from paymentapp.providers.openach.provider import OpenAch
from tests.support.openach_backend import OpenAchBackend
from tests.unit.openach.support import OnePayment, one_payment

SQL = b'{"success":false,"error":"CDbCommand failed: SQLSTATE[HY000]: database is locked"}'
MORE = b'{"success":false,"error":"An error has occurred."}'
FAULTS = (
    *("lost request", "lost answer", "late copy", "html, not done", "html, done"),
    *("sql, not done", "sql, done", "glued", "session ended", "nightly run"),
)


class FaultAtCall:
    """A client that spoils one call; ``late`` is a request that has not arrived yet."""

    def __init__(self, backend: OpenAchBackend, provider: OpenAch, fault: str, place: int) -> None:
        self.http = provider._http
        self.backend, self.fault, self.place = backend, fault, place
        self.calls = 0
        self.late: Callable[[], object] = int
        provider._api._http = cast(Http, self)

    def call(
        self,
        method: str,
        path: str,
        *,
        moves_money: bool,
        headers: Mapping[str, str],
        body: Mapping[str, str],
    ) -> Answer:
        def act() -> Answer:
            return self.http.call(method, path, moves_money=moves_money, headers=headers, body=body)

        self.calls += 1
        return self._spoilt(act, moves_money) if self.calls == self.place else act()

    def _spoilt(self, act: Callable[[], Answer], moves_money: bool) -> Answer:
        if self.fault == "session ended":
            self.backend.end_sessions()
        if self.fault == "nightly run":
            self.backend.run()
        if self.fault == "late copy":
            self.late = act
        done = not self.fault.endswith(("request", "not done", "late copy"))
        answer = act() if done else Answer(200, {}, b"")
        if self.fault in ("lost request", "lost answer", "late copy"):
            raise (OutcomeUnknown if moves_money else NotSent)("NO_ANSWER")
        if self.fault.startswith(("html", "sql")):
            return Answer(200, {}, SQL if self.fault.startswith("sql") else b"<html>Fatal error")
        more = MORE if self.fault == "glued" else b""
        return Answer(answer.status, answer.headers, answer.body + more)


def pay(payment: OnePayment, provider: OpenAch) -> None:
    """Submit a payment until it is accepted."""
    for _ in range(3):
        try:
            assert isinstance(payment.submit(provider), Accepted)
        except (NotSent, OutcomeUnknown):
            continue
        return
    raise AssertionError("three attempts did not settle it")


def tried_at_each_call(backend: OpenAchBackend, fault: str) -> int:
    """Pay once for each call of a payment, with a fault at that one; return how many there are."""
    for place in count(1):
        payment = one_payment(backend)
        member = payment.member._replace(customer_id=f"of-{place}")
        payment, provider = payment._replace(member=member), backend.again()
        client = FaultAtCall(backend, provider, fault, place)
        pay(payment, provider)
        client.late()
        assert isinstance(payment.submit(backend.again()), Accepted)
        if client.calls < place:
            return place
    raise AssertionError("there is an end")


def check_each_is_paid_once(backend: OpenAchBackend, payments: int) -> None:
    backend.clock.pass_by(days=5)  # by the plan `armed` the first date is a week ahead
    backend.run()
    entries = [entry["external_id"] for entry in backend.ledger()["entries"]]
    assert len(entries) == len(set(entries)) == payments
    assert backend.run() == 0


@pytest.mark.parametrize("fault", FAULTS)
def test_in_one_transaction(backend: OpenAchBackend, fault: str) -> None:
    payments = tried_at_each_call(backend, fault)
    assert payments > 3  # connection, type, all at once
    check_each_is_paid_once(backend, payments)


@pytest.mark.parametrize("fault", FAULTS)
def test_in_steps(armed: OpenAchBackend, fault: str) -> None:
    payments = tried_at_each_call(armed, fault)
    assert payments > 12
    check_each_is_paid_once(armed, payments)
