"""Every engine: what is on record is read, and a payment accepted by it, in one call or in two."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from paymentapp.clock import to_text
from paymentapp.errors import NotPayable, StoreUnavailable
from paymentapp.models.duplicates import DuplicateCheck, DuplicateFound
from paymentapp.models.payments import Payment
from paymentapp.storage.accepting import Decide, PaymentContext
from paymentapp.storage.base import Store
from paymentapp.storage.changes import Acceptance, AcceptResult
from paymentapp.storage.sqlite import SQLiteStore
from paymentapp.storage.sqlite.database import write_lock
from tests.contract.test_store_races import WRITERS, at_once
from tests.support.records import NOW, a_claim, a_customer, a_payment, add_claim, later

EMPTY = PaymentContext(None, {})


def accept(store: Store, decide: Decide, hashes: Sequence[str] = ("h1",)) -> AcceptResult | None:
    """Accept as the service does: in a second call where the engine has only read."""
    context, acceptance, result = store.accept_at_once("ada", hashes, decide)
    if acceptance is None:
        acceptance = decide(context)
        result = store.accept(acceptance) if acceptance else None
    return result


def unless_used(acceptance: Acceptance) -> Decide:
    return lambda context: None if context.idempotency_records else acceptance


def refuse(_: PaymentContext) -> Acceptance | None:
    raise NotPayable("email", "This is not the customer's e-mail.")


def test_a_payment_is_accepted_by_what_is_on_record(store: Store) -> None:
    ada, payment, claim = a_customer(), a_payment(), a_claim()
    store.add_customer(ada)
    seen: list[PaymentContext] = []

    def decide(context: PaymentContext) -> Acceptance:
        seen.append(context)
        return Acceptance(payment, claim)

    assert accept(store, decide) == (payment, claim)
    assert seen == [(ada, {})]
    assert store.get_payment(payment.key) == payment
    assert store.read_for_payment("ada", ["h1"]).idempotency_records == {"h1": claim}


def test_a_payment_is_accepted_without_a_key(store: Store) -> None:
    payment = a_payment()
    assert accept(store, lambda _: Acceptance(payment), ()) == (payment, None)


def test_a_used_key_is_seen(store: Store) -> None:
    used = add_claim(store, a_claim())
    payment = a_payment()
    assert accept(store, unless_used(Acceptance(payment, a_claim()))) is None
    context, acceptance, result = store.accept_at_once("ada", ["h2", "h1"], lambda _: None)
    assert (context, acceptance, result) == ((None, {"h1": used}), None, None)
    assert store.get_payment(payment.key) is None


def test_a_refusal_is_raised_and_nothing_is_stored(store: Store) -> None:
    with pytest.raises(NotPayable):
        accept(store, refuse)
    assert store.read_for_payment("ada", ["h1"]) == EMPTY
    payment = a_payment()
    assert accept(store, lambda _: Acceptance(payment)) == (payment, None)


def test_a_check_that_does_not_pass_leaves_nothing(store: Store) -> None:
    alike = DuplicateCheck("l1", to_text(NOW), later(9))
    first, other = a_payment(), a_payment(payment_id=to_text(later(1)))
    accept(store, lambda _: Acceptance(first, None, None, (), alike))
    with pytest.raises(DuplicateFound):
        accept(store, lambda _: Acceptance(other, a_claim(), None, (), alike))
    assert store.get_payment(other.key) is None
    assert store.read_for_payment("ada", ["h1"]) == EMPTY


def test_where_another_payment_has_the_id_that_one_is_returned(store: Store) -> None:
    first, claim = a_payment(), a_claim()
    accept(store, lambda _: Acceptance(first), ())
    assert accept(store, lambda _: Acceptance(a_payment(), claim)) == (first, claim)


def test_of_many_requests_with_one_key_one_is_accepted(store: Store) -> None:
    ids = [to_text(later(n)) for n in range(WRITERS)]
    rivals = [Acceptance(a_payment(payment_id=i), a_claim(payment_id=i)) for i in ids]
    results = at_once(lambda rival: accept(store, unless_used(rival)), rivals)
    (winner,) = [result.payment for result in results if result and result.payment]
    found = store.get_payments([rival.payment.key for rival in rivals])
    assert found == {winner.key: winner}


def test_its_event_is_listed_once(sqlite_store: SQLiteStore) -> None:
    payment = a_payment()
    accept(sqlite_store, lambda _: Acceptance(payment, a_claim()))
    (listed,) = sqlite_store.list_events(None, 9).events
    assert listed.event.subject == payment.key


# SQLite, which reads and accepts in one transaction


def test_sqlite_decides_by_what_holds_when_the_payment_is_stored(sqlite_store: SQLiteStore) -> None:
    """Another process changes the customer before the transaction, and cannot within it."""
    ada = a_customer()
    sqlite_store.add_customer(ada)
    changed = ada.changed(email="new@example.com")
    rival = sqlite3.connect(sqlite_store._path, timeout=0, check_same_thread=False)

    def decide(context: PaymentContext) -> Acceptance:
        assert context.customer is not None
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            rival.execute("UPDATE Customers SET document = ''")
        return Acceptance(a_payment(email=context.customer.email))

    assert sqlite_store.change_customer(ada, changed)
    attempt = sqlite_store.accept_at_once("ada", (), decide)
    rival.close()
    assert attempt.acceptance is not None
    assert attempt.acceptance.payment.email == "new@example.com"


def test_sqlite_accepts_all_or_nothing(sqlite_store: SQLiteStore) -> None:
    broken = a_payment(customer_id=None)  # which the table does not take
    with pytest.raises(StoreUnavailable):
        sqlite_store.accept_at_once("ada", ["h1"], unless_used(Acceptance(broken, a_claim())))
    assert sqlite_store.read_for_payment("ada", ["h1"]) == EMPTY


def test_sqlite_refuses_one_of_a_group_and_accepts_the_others(sqlite_store: SQLiteStore) -> None:
    """A refusal undoes its own statements alone, of those that share a commit."""
    payments = [a_payment(payment_id=to_text(later(n))) for n in range(WRITERS)]
    refused = payments[3]
    sqlite_store.ping()

    def request(payment: Payment) -> bool:
        chosen: Decide = refuse if payment is refused else lambda _: Acceptance(payment)
        try:
            return sqlite_store.accept_at_once("ada", (), chosen).result is not None
        except NotPayable:
            return False

    with ThreadPoolExecutor(WRITERS) as threads:
        with write_lock(sqlite_store._path):  # so that they share the next commit
            requests = [threads.submit(request, payment) for payment in payments]
            time.sleep(0.2)
        answers = [each.result() for each in requests]
    assert answers == [payment is not refused for payment in payments]
    assert set(sqlite_store.get_payments([each.key for each in payments])) == {
        each.key for each in payments if each is not refused
    }


def test_sqlite_knows_a_payment_where_nothing_can_be_written(sqlite_store: SQLiteStore) -> None:
    payment, claim = a_payment(), a_claim()
    accept(sqlite_store, lambda _: Acceptance(payment, claim))
    sqlite_store._connections().writer.close()
    fresh = Acceptance(a_payment(payment_id=to_text(later(1))), replace(claim, key_hash="h2"))
    context, acceptance, _ = sqlite_store.accept_at_once("ada", ["h1"], unless_used(fresh))
    assert (context.idempotency_records, acceptance) == ({"h1": claim}, None)
    with pytest.raises(NotPayable):
        sqlite_store.accept_at_once("ada", ["h2"], refuse)
    with pytest.raises(StoreUnavailable):
        sqlite_store.accept_at_once("ada", ["h2"], unless_used(fresh))
    assert sqlite_store.get_payment(fresh.payment.key) is None
