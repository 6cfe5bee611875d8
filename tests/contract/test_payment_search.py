"""Every engine: payments are found by whatever names them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from paymentapp.models.batches import Member
from paymentapp.models.caller_texts import CallerTexts
from paymentapp.models.payments import Cause, Payment, Status
from paymentapp.services.payment_search import PaymentSearch
from paymentapp.storage.base import Store
from paymentapp.storage.changes import PaymentChange
from tests.support.processes import a_process
from tests.support.records import NOW, a_batch, a_customer, add_payment, later, stamped
from tests.unit.test_reports import requested


def search_in(store: Store) -> PaymentSearch:
    return a_process(store, lambda: NOW).payment_search


@pytest.fixture
def paid(store: Store) -> Payment:
    """Store a payment that its provider knows by ids of its own, among others."""
    for number in range(3):
        add_payment(store, requested(number, customer_id=f"other{number}"))
    store.add_customer(a_customer())
    payment = add_payment(store, requested(5, texts=CallerTexts("invoice 7")))
    batch = a_batch(batch_id="b1", size=1)
    store.add_batch(batch, [Member(*payment.key, payment.money, payment.email)])
    assert store.change_batch(batch, batch.changed(reference="THEIR-BATCH"))
    sent = stamped(payment)
    done = sent.moved(Status.SUBMITTED, later(8), Cause.POLL)
    done = done.changed(provider_item_id="THEIR-ITEM", transaction_id="THEIR-TRANSACTION")
    assert store.change_payments([PaymentChange(payment, sent)]) == [True]
    assert store.change_payments([PaymentChange(sent, done)]) == [True]
    return done


def test_a_payment_is_found_by_each_of_its_names(store: Store, paid: Payment) -> None:
    search = search_in(store)
    for text in (
        f"{paid.customer_id} {paid.payment_id}",
        f" {paid.customer_id}/{paid.payment_id} ",
        paid.payment_id,
        paid.key.item_id,
        "b1",
        "THEIR-BATCH",
        "THEIR-ITEM",
        "THEIR-TRANSACTION",
        "invoice 7",
        "ada",
        "ada@example.com",
    ):
        assert search.find(text, 10) == [paid], text


def test_what_names_nothing_finds_nothing(store: Store, paid: Payment) -> None:
    search = search_in(store)
    assert paid.customer_id == "ada"
    for text in ("", " ", "invoice", "Ada", "ada@example.org", "2026-13-01", "x" * 300, "ada bob"):
        assert search.find(text, 10) == [], text


def test_a_payment_is_found_once_and_no_more_than_are_wanted(store: Store) -> None:
    for number in range(4):
        payment = requested(number, texts=CallerTexts("ada"))  # the customer's id too
        add_payment(store, replace(payment, customer_id="ada"))
    search = search_in(store)
    assert len(search.find("ada", 10)) == 4
    assert len(search.find("ada", 3)) == 3
