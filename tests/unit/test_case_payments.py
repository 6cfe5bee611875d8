"""Payments that a report which could not be applied may be about."""

from __future__ import annotations

import pytest

from paymentapp.models.payments import Payment, PaymentKey
from paymentapp.services.backoffice.case_payments import CasePayments
from paymentapp.services.backoffice.open_cases import OpenCase
from tests.support.ledger_books import START, Ledgered
from tests.support.memory_store import MemoryStore


@pytest.fixture
def service() -> Ledgered:
    return Ledgered(MemoryStore())


def case(payment: PaymentKey | None = None, provider: str = "paypal", **details: str) -> OpenCase:
    return OpenCase("WH-1", provider, "event", START, "odd", details, payment)


def found(
    service: Ledgered, payment: PaymentKey | None = None, provider: str = "paypal", **details: str
) -> list[Payment]:
    cases: CasePayments = service.office().case_payments
    return cases.candidates(case(payment, provider, **details))


def test_the_payment_that_it_names_is_the_only_one(service: Ledgered) -> None:
    first, second = service.settled("ann", "bob")
    assert found(service, first.key, item=second.key.item_id) == [first]
    assert found(service, PaymentKey("cy", first.payment_id)) == []


def test_an_id_finds_it_and_else_its_amount(service: Ledgered) -> None:
    ann, bob = service.settled("ann", "bob")
    assert ann.transaction_id is not None
    assert found(service, trace=ann.transaction_id, amount="12.50 USD") == [ann]
    assert found(service, trace="nobody-knows", amount="12.50 USD") == [bob, ann]
    assert found(service, amount="12.50") == [bob, ann]
    assert found(service, amount="12.50 EUR") == []


@pytest.mark.parametrize("amount", ["", "a lot", "1e9", "-1", "12.50 usd", "9" * 40])
def test_an_amount_that_is_none_finds_nothing(service: Ledgered, amount: str) -> None:
    service.settled("ann")
    assert found(service, amount=amount) == []


def test_payments_of_another_provider_are_left_out(service: Ledgered) -> None:
    (ann,) = service.settled("ann")
    assert found(service, None, "ach", trace=str(ann.transaction_id), amount="12.50 USD") == []
