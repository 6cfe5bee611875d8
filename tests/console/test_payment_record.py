"""Recording what became of a payment, which no report has said."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from paymentapp.models.actors import ADMIN, HOLD
from paymentapp.models.payments import Cause, Payment, PaymentKey, Status
from paymentapp.providers.updates import Recorded
from tests.console.conftest import ConsoleBench
from tests.console.test_inbox import settled

NOTE = "statement of 3 March"


@dataclass
class Statement:
    """A mailbox in which nothing is ever fetched: it takes what operators record."""

    fetches = False
    recorded: list[tuple[PaymentKey, Status, str]] = field(default_factory=list)

    def record(self, payment: Payment, status: Status, code: str) -> Recorded:
        self.recorded.append((payment.key, status, code))
        return Recorded(f"{code} No account")


@pytest.fixture
def statement() -> Statement:
    return Statement()


@pytest.fixture
def console(statement: Statement) -> ConsoleBench:
    bench = ConsoleBench()
    bench.add_customer()
    set_mailbox(bench, statement)
    return bench


def set_mailbox(console: ConsoleBench, mailbox: Statement | None) -> None:
    """Give the provider a mailbox, of which one method is called."""
    console.services.providers["paypal"].mailbox = mailbox  # type: ignore[assignment]


def path(payment: Payment) -> str:
    return f"/payments/{payment.customer_id}/{payment.payment_id}"


def form(**more: Any) -> dict[str, Any]:
    return {"resolution": "returned", "code": "R03", "note": NOTE, **more}


def test_a_return_is_recorded_after_a_confirmation(
    console: ConsoleBench, statement: Statement
) -> None:
    admin, payment = console.somebody("grace", ADMIN), settled(console)
    assert "Record it" in admin.see(path(payment))
    asked = admin.send(f"{path(payment)}/record", **form())
    assert "becomes" in asked.text
    assert statement.recorded == []
    answer = admin.send(f"{path(payment)}/record", **form(confirmed="yes"))
    assert answer.status_code == 303
    now = console.services.payments.get(payment.key)
    assert (now.status, now.reason) == (Status.RETURNED, "R03 No account")
    assert now.history[-1].cause is Cause.PERSON
    assert statement.recorded == [(payment.key, Status.RETURNED, "R03")]


@pytest.mark.parametrize(
    "wrong", [{"resolution": ""}, {"resolution": "ignored"}, {"note": ""}, {"code": "R" * 21}]
)
def test_what_is_not_complete_is_asked_again(
    console: ConsoleBench, statement: Statement, wrong: dict[str, str]
) -> None:
    admin, payment = console.somebody("grace", ADMIN), settled(console)
    answer = admin.send(f"{path(payment)}/record", **{**form(confirmed="yes"), **wrong})
    assert answer.status_code == 422
    assert statement.recorded == []


def test_who_is_no_administrator_records_nothing(
    console: ConsoleBench, statement: Statement
) -> None:
    person, payment = console.somebody("hugo", HOLD), settled(console)
    answer = person.send(f"{path(payment)}/record", **form(confirmed="yes"))
    assert answer.status_code == 403
    assert statement.recorded == []


def test_what_a_provider_reports_itself_is_not_recorded_by_hand(console: ConsoleBench) -> None:
    admin, payment = console.somebody("grace", ADMIN), settled(console)
    set_mailbox(console, None)
    assert "Record it" not in admin.see(path(payment))
    assert admin.send(f"{path(payment)}/record", **form()).status_code == 409
