"""Taking a payment back in the console: who may, what is asked first, and what is shown of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import pytest

from paymentapp.errors import Conflict, OutcomeUnknown
from paymentapp.models.actors import ADMIN
from paymentapp.models.batches import Batch
from paymentapp.models.payments import Payment, PaymentKey, Status
from paymentapp.models.reversals import Reversal, ReversalOrder, ReversalReason, ReversalStep
from tests.console.conftest import ConsoleBench, Person
from tests.support.ledger_provider import LedgerProvider

NOTE = "case 4711: paid by the old system too"
ORDERED = datetime(2026, 3, 2, 9, tzinfo=UTC)


class TakenBack:
    """The reversals of a bank in memory: one for each payment, and again where that failed."""

    def __init__(self) -> None:
        self.orders: list[ReversalOrder] = []
        self.retried: list[ReversalOrder] = []
        self.error: Exception | None = None

    def send(self, batch: Batch, item_id: str | None, order: ReversalOrder) -> Reversal:
        if self.error is not None:
            raise self.error
        if not self.orders:
            self.orders.append(order)
        return self.of(batch, item_id or "")[0]

    def retry(self, batch: Batch, item_id: str, order: ReversalOrder) -> Reversal:
        self.retried.append(order)
        return self.of(batch, item_id)[0]

    def of(self, batch: Batch, item_id: str) -> Sequence[Reversal]:
        return [
            Reversal(
                *(f"{batch.batch_id}.rev", batch.batch_id, order, ORDERED, (item_id,)),
                step=ReversalStep.SENT,
                effective=date(2026, 3, 3),
                returned=("R01",),
            )
            for order in self.orders
        ]

    def confirm(self, reversal_id: str) -> Reversal:
        raise Conflict(f"there is no doubt about {reversal_id}")

    def pending(self) -> Sequence[Reversal]:
        return []


@pytest.fixture
def bank() -> TakenBack:
    return TakenBack()


@pytest.fixture
def console(bank: TakenBack) -> ConsoleBench:
    provider = LedgerProvider()
    provider.reversals = bank
    bench = ConsoleBench(providers={"paypal": provider})
    bench.add_customer()
    return bench


@pytest.fixture
def admin(console: ConsoleBench) -> Person:
    return console.somebody("grace", ADMIN)


@pytest.fixture
def paid(console: ConsoleBench) -> Payment:
    key = PaymentKey("ada", console.pay().get_json()["payment_id"])
    batch = console.services.dispatcher.submit([console.services.payments.get(key)])
    assert batch is not None
    console.services.poller.follow(batch)
    return console.services.payments.get(key)


def path_of(payment: Payment) -> str:
    return f"/payments/{payment.customer_id}/{payment.payment_id}"


def order(**more: Any) -> dict[str, Any]:
    return {"action": "send", "reason": "duplicate", "note": NOTE, **more}


def test_a_payment_leads_to_it_where_its_provider_can(console: ConsoleBench, paid: Payment) -> None:
    link = "Was it a mistake? Take it back"
    assert paid.status is Status.SUCCEEDED
    assert link in console.person.see(path_of(paid))
    console.services.providers["paypal"].reversals = None
    assert link not in console.person.see(path_of(paid))
    console.person.see(f"{path_of(paid)}/reversals", 409)


def test_it_is_asked_first_and_ordered_once_confirmed(
    admin: Person, paid: Payment, bank: TakenBack
) -> None:
    asked = admin.send(f"{path_of(paid)}/reversals", **order())
    assert asked.status_code == 200
    assert "12.50 USD back from a***@example.com?" in asked.get_data(as_text=True)
    assert bank.orders == []
    answer = admin.send(f"{path_of(paid)}/reversals", **order(confirmed="yes"))
    assert answer.status_code == 303
    assert bank.orders == [ReversalOrder(ReversalReason.DUPLICATE, "grace", NOTE)]
    page = admin.see(answer.headers["Location"].removeprefix("/console"))
    for text in ("The order is on record", NOTE, "grace", "2026-03-03", "R01"):
        assert text in page, text


def test_a_debit_that_came_back_is_tried_again(
    admin: Person, paid: Payment, bank: TakenBack
) -> None:
    assert "debit once more" not in admin.see(f"{path_of(paid)}/reversals")
    admin.send(f"{path_of(paid)}/reversals", **order(confirmed="yes"))
    assert "debit once more" in admin.see(f"{path_of(paid)}/reversals")
    admin.send(f"{path_of(paid)}/reversals", **order(action="retry", confirmed="yes"))
    assert len(bank.retried) == 1


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("note", " ", "Write why"),
        ("reason", "regret", "for any other reason nothing may be taken back"),
        ("action", "burn", "The form was not complete."),
    ],
)
def test_a_form_with_a_fault_orders_nothing(
    admin: Person, paid: Payment, bank: TakenBack, field: str, value: str, says: str
) -> None:
    sent = order(confirmed="yes") | {field: value}
    answer = admin.send(f"{path_of(paid)}/reversals", **sent)
    assert answer.status_code == 422
    assert says in answer.get_data(as_text=True)
    assert bank.orders == []


@pytest.mark.parametrize(
    ("error", "status", "says"),
    [
        (Conflict("the time for that is over"), 409, "the time for that is over."),
        (OutcomeUnknown("NO_ANSWER"), 502, "not known whether it was done (NO_ANSWER)"),
    ],
)
def test_a_refusal_and_a_doubt_are_said(
    admin: Person, paid: Payment, bank: TakenBack, error: Exception, status: int, says: str
) -> None:
    bank.error = error
    answer = admin.send(f"{path_of(paid)}/reversals", **order(confirmed="yes"))
    assert answer.status_code == status
    assert says in answer.get_data(as_text=True)


def test_who_is_no_admin_sees_the_orders_and_orders_nothing(
    console: ConsoleBench, paid: Payment, bank: TakenBack
) -> None:
    reader = console.somebody("ben", "payments:read", "payments:write", "payments:hold")
    assert "Go on: see what will happen" not in reader.see(f"{path_of(paid)}/reversals")
    answer = reader.send(f"{path_of(paid)}/reversals", **order(confirmed="yes"))
    assert answer.status_code == 403
    assert bank.orders == []
