"""Every engine: a payment and the record of its key are accepted together."""

from __future__ import annotations

from dataclasses import replace

import pytest

from paymentapp.clock import to_text
from paymentapp.errors import StoreUnavailable
from paymentapp.models.idempotency import IdempotencyRecord
from paymentapp.models.payments import Payment
from paymentapp.models.revisions import new_revision
from paymentapp.storage.base import Store
from paymentapp.storage.changes import Acceptance
from paymentapp.storage.dynamodb import DynamoDBStore
from paymentapp.storage.sqlite import SQLiteStore
from tests.contract.test_store_races import WRITERS, at_once
from tests.support.aws_calls import lost_answers, unwritable_payments
from tests.support.records import a_claim, a_payment, add_claim, add_payment, later


def next_version(claim: IdempotencyRecord, payment: Payment) -> IdempotencyRecord:
    return replace(claim, payment_id=payment.payment_id, revision=new_revision())


def found_claim(store: Store) -> IdempotencyRecord | None:
    return store.read_for_payment("ada", ["h1"]).idempotency_records.get("h1")


def test_a_payment_is_accepted_with_its_key(store: Store) -> None:
    payment, claim = a_payment(), a_claim()
    assert store.accept(Acceptance(payment, claim)) == (payment, claim)
    assert store.get_payment(payment.key) == payment
    assert found_claim(store) == claim


def test_a_payment_is_accepted_without_a_key(store: Store) -> None:
    payment = a_payment()
    assert store.accept(Acceptance(payment)) == (payment, None)
    assert store.get_payment(payment.key) == payment


def test_accepting_the_same_again_is_accepting_it_once(store: Store) -> None:
    acceptance = Acceptance(a_payment(), a_claim())
    assert store.accept(acceptance) == store.accept(acceptance) == acceptance[:2]


def test_a_key_that_is_bound_otherwise_accepts_no_payment(store: Store) -> None:
    first = add_claim(store, a_claim())
    payment = a_payment()
    assert store.accept(Acceptance(payment, a_claim())) == (None, first)
    assert store.get_payment(payment.key) is None


def test_a_record_without_its_payment_is_completed(store: Store) -> None:
    claim = add_claim(store, a_claim())
    payment = a_payment()
    assert store.accept(Acceptance(payment, claim, claim)) == (payment, claim)
    assert store.get_payment(payment.key) == payment
    assert found_claim(store) == claim


def test_a_record_is_replaced_by_its_revision(store: Store) -> None:
    old, payment = add_claim(store, a_claim()), a_payment()
    new = next_version(old, payment)
    assert store.accept(Acceptance(payment, new, old)) == (payment, new)
    late = a_payment(payment_id=to_text(later(1)))
    assert store.accept(Acceptance(late, next_version(old, late), old)) == (None, new)
    assert store.get_payment(late.key) is None
    assert found_claim(store) == new


def test_a_record_that_is_gone_is_not_replaced(store: Store) -> None:
    payment = a_payment()
    assert store.accept(Acceptance(payment, a_claim(), a_claim())) == (None, None)
    assert store.get_payment(payment.key) is None


def test_where_another_payment_has_the_id_the_key_moves_on(store: Store) -> None:
    other = add_payment(store, a_payment())
    payment, claim = a_payment(), a_claim()
    assert store.accept(Acceptance(payment, claim)) == (other, claim)
    moved = replace(payment, payment_id=to_text(later(1)))
    record = next_version(claim, moved)
    assert store.accept(Acceptance(moved, record, claim)) == (moved, record)
    assert found_claim(store) == record


def test_of_many_requests_with_one_key_one_is_accepted(store: Store) -> None:
    ids = [to_text(later(n)) for n in range(WRITERS)]
    rivals = [Acceptance(a_payment(payment_id=i), a_claim(payment_id=i)) for i in ids]
    results = at_once(store.accept, rivals)
    (winner,) = [result.payment for result in results if result.payment]
    assert {result.record and result.record.payment_id for result in results} == {winner.payment_id}
    found = store.get_payments([rival.payment.key for rival in rivals])
    assert found == {winner.key: winner}


def test_of_many_renewals_of_a_key_one_is_accepted(store: Store) -> None:
    old = add_claim(store, a_claim())
    payments = [a_payment(payment_id=to_text(later(n))) for n in range(WRITERS)]
    rivals = [Acceptance(payment, next_version(old, payment), old) for payment in payments]
    results = at_once(store.accept, rivals)
    assert len([result for result in results if result.payment]) == 1
    assert len(store.get_payments([payment.key for payment in payments])) == 1


def test_dynamodb_completes_what_a_crash_left(dynamodb_store: DynamoDBStore) -> None:
    """The second request fails before it has an effect, or its answer is lost for good."""
    store, payment, claim = dynamodb_store, a_payment(), a_claim()
    with unwritable_payments(store), pytest.raises(StoreUnavailable):
        store.accept(Acceptance(payment, claim))
    assert (found_claim(store), store.get_payment(payment.key)) == (claim, None)
    with lost_answers(store._client(), "PutItem", count=9), pytest.raises(StoreUnavailable):
        store.accept(Acceptance(payment, claim, claim))
    assert store.accept(Acceptance(payment, claim, claim)) == (payment, claim)


def test_sqlite_accepts_both_or_neither(sqlite_store: SQLiteStore) -> None:
    payment, claim = a_payment(customer_id=None), a_claim()  # which the table does not take
    with pytest.raises(StoreUnavailable):
        sqlite_store.accept(Acceptance(payment, claim))
    assert found_claim(sqlite_store) is None
