"""What benchmarks and tests fill into PostgreSQL is what the store writes itself."""

from __future__ import annotations

import pytest

from bench.filling import SPAN, History, client, item_id, reference
from bench.filling_postgresql import fill_postgresql
from paymentapp.clock import to_text, utc_now
from paymentapp.models.account_payments import AccountQuery
from paymentapp.models.payments import PaymentKey, Status
from paymentapp.storage.changes import Acceptance
from paymentapp.storage.postgresql import PostgreSQLStore
from tests.support import postgresql

HISTORY = History(60, 4, utc_now())
NUMBER = 13
CLAIMS = "SELECT * FROM paymentapp.operations WHERE sk = 'claim' ORDER BY expires_at LIMIT 1"
EVENTS = "SELECT at, expires_at, event FROM paymentapp.events ORDER BY at LIMIT 1"


@pytest.fixture
def store(postgresql_store: PostgreSQLStore, postgresql_url: str) -> PostgreSQLStore:
    fill_postgresql(postgresql_url, HISTORY, range(HISTORY.count), lambda _: None)
    return postgresql_store


def test_each_payment_is_there_settled_and_found(store: PostgreSQLStore) -> None:
    payments = list(store.scan_payments(HISTORY.end - SPAN, HISTORY.end))
    assert len(payments) == HISTORY.count
    assert {payment.status for payment in payments} == {Status.SUCCEEDED}
    wanted = PaymentKey(HISTORY.customer(NUMBER), to_text(HISTORY.at(NUMBER)))
    for query in (
        AccountQuery(5, reference=reference(NUMBER)),
        AccountQuery(5, provider_id=item_id(NUMBER)),
        AccountQuery(5, created_by=client(NUMBER).name),
    ):
        found = store.list_account_payments(query).payments
        assert [payment.key for payment in found if payment.key == wanted] == [wanted]
    assert len(store.list_events(None, 100).events) == HISTORY.count


def test_the_rows_are_those_that_the_store_writes(
    store: PostgreSQLStore, postgresql_url: str
) -> None:
    payment = store.get_payment(PaymentKey("c0", to_text(HISTORY.at(0))))
    assert payment is not None
    claim, event = (postgresql.run(postgresql_url, each)[0] for each in (CLAIMS, EVENTS))
    key_hash = claim[0].removeprefix("key#")
    record = store.read_for_payment("c0", [key_hash]).idempotency_records[key_hash]
    postgresql.empty(postgresql_url)
    assert store.accept(Acceptance(payment, record)).payment == payment
    assert store.get_payment(payment.key) == payment
    assert postgresql.run(postgresql_url, CLAIMS)[0] == claim
    assert postgresql.run(postgresql_url, EVENTS)[0] == event
