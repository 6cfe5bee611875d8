"""Every engine: scheduled payments in the due index, and retries by many at once."""

from __future__ import annotations

from datetime import timedelta

from paymentapp.clock import utc_now
from paymentapp.errors import Conflict
from paymentapp.models.payments import Cause, Payment, PaymentKey, Status
from paymentapp.services.payment_orders import PaymentOrder
from paymentapp.storage.base import PageQuery, Store
from paymentapp.storage.changes import PaymentChange
from tests.contract.test_store_races import at_once
from tests.support.ledger_provider import LedgerProvider
from tests.support.processes import a_process
from tests.support.records import a_payment, add_payment, later, stamped, usd

CALLERS = 8
ORDER = PaymentOrder("ada", "ada@example.com", usd("12.5"), "paypal")


def test_what_is_scheduled_and_retried_is_kept_over_changes(store: Store) -> None:
    at = later(3600)
    payment = a_payment(scheduled_at=at, due_at=at, retry_of="2026-01-01T00:00:00.000000Z")
    add_payment(store, payment)
    retried = stamped(payment).changed(retried_by="2026-01-02T00:00:00.000000Z")
    assert store.change_payments([PaymentChange(payment, retried)]) == [True]
    assert store.get_payment(payment.key) == retried


def test_a_scheduled_payment_is_due_at_its_time_and_no_sooner(store: Store) -> None:
    at = later(366 * 86_400)
    payment = a_payment(scheduled_at=at, due_at=at)
    add_payment(store, payment)
    assert store.due_payments(1, at - timedelta(microseconds=1), 10) == []
    assert store.due_payments(1, at, 10) == [payment]


def test_of_many_retries_at_once_one_wins(store: Store) -> None:
    services = a_process(store, utc_now, LedgerProvider())
    services.customers.register("ada", "ada@example.com", {})
    payment = services.payments.request(ORDER).payment
    failed = stamped(payment).moved(Status.FAILED, utc_now(), Cause.POLL, reason="no")
    assert store.change_payments([PaymentChange(payment, failed)]) == [True]

    def retry(number: int) -> PaymentKey | None:
        key = f"key-{number // 2}" if number < 4 else None  # two keys, each of two callers
        try:
            return services.retries.retry(failed.key, None, key).payment.key
        except Conflict:
            return None

    answers = set(at_once(retry, range(CALLERS))) - {None}
    made = [each for each in all_of(store) if each.retry_of == payment.payment_id]
    assert answers == {each.key for each in made}
    assert [each.retried_by for each in all_of(store)[1:]] == [made[0].payment_id]


def all_of(store: Store) -> list[Payment]:
    """Return Ada's payments, newest first."""
    return store.list_payments("ada", PageQuery(limit=10)).payments
