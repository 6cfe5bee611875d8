"""Every engine: scans for operators' commands, and changes that no payment may have."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from paymentapp.models.batches import BatchState, Decision, Resolution
from paymentapp.models.payments import Cause, Payment, PaymentKey, Status, Transition
from paymentapp.models.revisions import new_revision
from paymentapp.storage.base import Store
from paymentapp.storage.changes import PaymentChange
from tests.support.records import (
    NOW,
    a_batch,
    a_payment,
    add_payment,
    later,
    members,
    payments_of_many,
    payments_over_time,
    stamped,
    usd,
)

# --- scans


def test_a_scan_of_nothing(store: Store) -> None:
    assert list(store.scan_payments(NOW, later(99))) == []
    assert list(store.scan_batches(NOW, later(99))) == []


def test_every_payment_of_the_span_is_found_once(store: Store) -> None:
    payments = payments_over_time(5)
    for payment in payments:
        add_payment(store, payment)
    add_payment(store, other := a_payment(customer_id="bob", payment_id=payments[2].payment_id))
    found = sorted(store.scan_payments(later(1), later(3)), key=lambda p: (p.payment_id, p.key))
    assert found == [payments[1], payments[2], other, payments[3]]


def test_a_scan_goes_on_over_many_pages(store: Store) -> None:
    payments = payments_of_many(1203)
    for payment in payments:
        add_payment(store, payment)
    found = list(store.scan_payments(NOW, NOW))
    assert sorted(found, key=str) == sorted(payments, key=str)


def test_a_scan_of_payments_goes_on_while_they_change(store: Store) -> None:
    for payment in payments_of_many(700):
        add_payment(store, payment)
    seen: list[PaymentKey] = []
    for payment in store.scan_payments(NOW, NOW):
        if len(seen) == 10:
            assert store.change_payments([PaymentChange(payment, stamped(payment))]) == [True]
        seen.append(payment.key)
    assert len(seen) == len(set(seen)) == 700


def test_every_batch_of_the_span_is_found_once_with_its_state(store: Store) -> None:
    batches = [a_batch(created_at=later(second)) for second in range(4)]
    for batch in batches:
        store.add_batch(batch, members(2))
    parked = batches[1].changed(state=BatchState.PARKED, attention_at=None)
    assert store.change_batch(batches[1], parked)
    found = sorted(store.scan_batches(later(1), later(2)), key=lambda batch: batch.created_at)
    assert found == [parked, batches[2]]


def test_a_scan_of_batches_goes_on_over_many_pages(store: Store) -> None:
    batches = [a_batch(size=1) for _ in range(520)]
    for batch in batches:
        store.add_batch(batch, members(1))
    found = list(store.scan_batches(NOW, NOW))
    assert sorted(b.batch_id for b in found) == sorted(b.batch_id for b in batches)


# --- decisions


def test_a_decision_is_kept_with_its_batch(store: Store) -> None:
    old = a_batch()
    store.add_batch(old, members(2))
    decision = Decision(later(5), Resolution.NOT_SENT, "Grace H.", "they say so", "searched: none")
    new = old.changed(state=BatchState.ABORTED, decision=decision)
    assert store.change_batch(old, new)
    assert store.get_batch(old.batch_id) == new
    assert list(store.scan_batches(NOW, NOW)) == [new]


# --- what no change may do


def damaged(payment: Payment, **fields: Any) -> Payment:
    """Return a next version that the service itself cannot make."""
    return replace(payment, revision=new_revision(), **fields)


def test_no_change_shortens_or_rewrites_a_history(store: Store) -> None:
    payment = add_payment(store, a_payment())
    moved = stamped(payment)
    assert store.change_payments([PaymentChange(payment, moved)]) == [True]
    first, second = moved.history
    for history in (
        (),
        (first,),
        (second,),
        (second, first),
        (first._replace(at=later(9)), second),
    ):
        with pytest.raises(ValueError, match="the new history must begin with the old one"):
            store.change_payments([PaymentChange(moved, damaged(moved, history=history))])
    with pytest.raises(ValueError, match="the new history must begin with the old one"):
        PaymentChange._make([moved, damaged(moved, history=())])
    with pytest.raises(ValueError, match="the new history must begin with the old one"):
        PaymentChange(moved, moved)._replace(new=payment)
    assert store.get_payment(payment.key) == moved


def test_no_change_turns_a_payment_into_another(store: Store) -> None:
    payment = add_payment(store, a_payment())
    others = {"customer_id": "bob", "money": usd("99"), "email": "eve@example.com"}
    for name, value in others.items():
        with pytest.raises(ValueError, match="key, money and e-mail must not change"):
            store.change_payments([PaymentChange(payment, damaged(payment, **{name: value}))])
    assert store.get_payment(payment.key) == payment


def test_a_history_that_grows_is_taken() -> None:
    payment = a_payment()
    grown = replace(
        payment, history=(*payment.history, Transition(NOW, Status.CANCELLED, Cause.REQUEST))
    )
    assert PaymentChange(payment, grown).new is grown
