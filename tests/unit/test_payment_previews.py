"""Previews of payments: the same as the request makes, or refused as it would be, and no write."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from paymentapp.config import Settings
from paymentapp.errors import NotFound, NotPayable
from paymentapp.models.caller_texts import CallerTexts
from paymentapp.models.limits import LimitExceeded
from paymentapp.models.money import Money
from paymentapp.models.payments import Status
from paymentapp.models.references import ReferenceUsed
from paymentapp.services.payment_orders import PaymentOrder
from paymentapp.services.payment_previews import PaymentPreview, preview
from tests.api.conftest import Bench
from tests.support.memory_store import MemoryStore

ME = "test"


def made(**settings: Any) -> Bench:
    bench = Bench(Settings(**settings))
    bench.add_customer()
    return bench


def order(amount: str = "12.50", **changes: Any) -> PaymentOrder:
    money = Money(Decimal(amount), "USD")
    return PaymentOrder("ada", "ada@example.com", money, None)._replace(**changes)


def seen(bench: Bench, wanted: PaymentOrder) -> PaymentPreview:
    by = bench.services.api_keys.actor(bench.token)
    return preview(bench.services.payments, wanted, by)


def test_it_is_the_payment_that_the_request_makes_and_writes_nothing() -> None:
    bench = made(approvals="USD 10..: 2")
    would_be = seen(bench, order()).payment
    assert bench.client.get("/v1/api/payment").get_json()["payments"] == []
    paid = bench.pay().get_json()
    assert (would_be.status.value, would_be.approval_rule) == (
        paid["status"],
        paid["approval_rule"],
    )
    assert (would_be.payment_method, would_be.created_by) == (paid["payment_method"], ME)


def test_without_a_rule_it_leaves_at_once() -> None:
    found = seen(made(), order())
    assert (found.payment.status, found.leaves_at, found.held) == (Status.PENDING, None, "")


@pytest.mark.parametrize("limits", ["payment USD 10 ask", "customer USD 20/day ask"])
def test_a_limit_that_asks_makes_it_await_approval(limits: str) -> None:
    bench = made(limits=limits)
    bench.pay(amount=9)
    found = seen(bench, order())
    assert (found.payment.status, found.payment.approval_rule) == (
        Status.AWAITING_APPROVAL,
        limits,
    )


def test_below_the_limit_nobody_is_asked() -> None:
    bench = made(limits="payment USD 20 ask; customer USD 20/day ask")
    assert seen(bench, order()).payment.status is Status.PENDING


def test_what_the_request_would_refuse_is_refused() -> None:
    bench = made(limits="customer USD 20/day", unique_references=True)
    bench.pay(reference="invoice 7")
    with pytest.raises(LimitExceeded):
        seen(bench, order())
    with pytest.raises(ReferenceUsed):
        seen(bench, order("1", texts=CallerTexts("invoice 7")))
    with pytest.raises(NotPayable):
        seen(bench, order("1", email="other@example.com"))
    with pytest.raises(NotFound):
        seen(bench, order("1", customer_id="bob"))


def test_details_that_have_just_changed_hold_it_and_it_says_so() -> None:
    found = seen(made(payee_change_hold_hours=24), order())
    assert found.leaves_at is not None
    assert "details have changed" in found.held


def test_it_reads_and_does_not_write() -> None:
    bench = made(limits="customer USD 20/day ask", duplicate_hours=1, unique_references=True)
    assert isinstance(bench.store, MemoryStore)
    bench.store.calls.clear()
    seen(bench, order(texts=CallerTexts("invoice 7")))
    assert set(bench.store.calls) <= {"get_customer", "get_api_key", "reference_holder", "count_of"}
