"""The list of events, on every engine: complete, in order, and nothing that was not written."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from paymentapp.clock import to_text, utc_now
from paymentapp.models.balances import FundsNotice
from paymentapp.models.batches import BatchState
from paymentapp.models.customer_history import CustomerAction, CustomerEvent, with_history
from paymentapp.models.events import OtherEvent, PublishedEvent
from paymentapp.models.outages import OutageNotice
from paymentapp.models.payments import Cause, Payment, Status
from paymentapp.models.revisions import new_revision
from paymentapp.storage.base import Store
from paymentapp.storage.changes import Acceptance, PaymentChange
from paymentapp.storage.dynamodb import DynamoDBStore
from paymentapp.storage.dynamodb import events as dynamodb_events
from tests.contract.test_store_races import at_once
from tests.support.records import a_batch, a_customer, a_payment, later, members

Told = list[tuple[str, tuple[str, ...], int]]


def listed(store: Store, after: str | None = None, limit: int = 100) -> list[PublishedEvent]:
    """Return all events after an id, read in pages."""
    for _ in range(3):  # a new list begins a day ago, and goes on ten hours at a time
        store.publish_events(utc_now())
    found: list[PublishedEvent] = []
    while True:
        page = store.list_events(after, limit)
        found += page.events
        if page.last_read is None:
            return found
        after = page.last_read


def told(store: Store, customer_id: str) -> Told:
    """Return the events of a customer, and of the customer's payments.

    DynamoDB lists an event twice where a caller has repeated its write.
    """
    events = [each.event for each in listed(store) if each.event.subject[0] == customer_id]
    found = [(event.type, event.subject, event.line) for event in events]
    return list(dict.fromkeys(found)) if isinstance(store, DynamoDBStore) else found


@pytest.fixture(autouse=True)
def no_horizon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have DynamoDB list what was written until now: one clock, and no put that takes long."""
    monkeypatch.setattr(dynamodb_events, "HORIZON", timedelta(0))


@pytest.fixture(params=["requested now", "requested long ago"])
def payment(request: pytest.FixtureRequest) -> Payment:
    """Return a payment of a customer of its own: the tables of DynamoDB are shared.

    One that was requested now is announced by the entry by which DynamoDB lists it.
    """
    payment = a_payment(customer_id=new_revision())
    if request.param == "requested long ago":
        return payment
    now = utc_now()
    line = payment.history[0]._replace(at=now)
    return replace(payment, payment_id=to_text(now), history=(line,))


def sent(payment: Payment) -> Payment:
    return payment.moved(Status.SUBMITTING, later(1), Cause.DISPATCH, "b1", due_at=None)


@pytest.mark.parametrize("told_by_provider", [(Decimal(-3), later(1)), (None, None)])
def test_an_event_about_no_record_is_listed_as_well(
    store: Store, told_by_provider: tuple[Decimal | None, datetime | None]
) -> None:
    notice = FundsNotice(new_revision(), "USD", Decimal("150.5"), *told_by_provider)
    store.add_event(notice.event(OtherEvent.PROVIDER_UNFUNDED, utc_now()))
    (kind, subject, _) = told(store, notice.payment_method)[0]
    assert (kind, FundsNotice.of(subject)) == ("provider.unfunded", notice)


def test_an_event_about_an_outage_is_listed(store: Store) -> None:
    notice = OutageNotice(new_revision(), later(1), "NotSent: DOWN")
    store.add_event(notice.event(OtherEvent.PROVIDER_FAILING, utc_now()))
    ((kind, subject, _),) = told(store, notice.payment_method)
    assert (kind, OutageNotice.of(subject)) == ("provider.failing", notice)


def test_each_line_of_a_history_is_an_event_and_nothing_else_is(
    store: Store, payment: Payment
) -> None:
    store.accept(Acceptance(payment))
    store.accept(Acceptance(payment))  # repeated
    change = PaymentChange(payment, sent(payment))
    assert store.change_payments([change]) == [True]
    assert store.change_payments([change]) == [True]  # repeated
    noted = change.new.changed(provider_status="ONHOLD")
    assert store.change_payments([PaymentChange(change.new, noted)]) == [True]
    done = noted.moved(Status.SUCCEEDED, later(2), Cause.POLL)
    assert store.change_payments([PaymentChange(noted, done)]) == [True]
    assert told(store, payment.customer_id) == [
        ("payment.pending", payment.key, 0),
        ("payment.submitting", payment.key, 1),
        ("payment.succeeded", payment.key, 2),
    ]


def test_what_was_not_written_is_no_event(store: Store, payment: Payment) -> None:
    store.accept(Acceptance(payment))
    line = payment.history[0]._replace(at=later(0.000001))
    rival = replace(payment, request_id="rival", history=(line,))
    assert store.accept(Acceptance(rival)).payment == payment
    first = PaymentChange(payment, sent(payment))
    second = PaymentChange(payment, payment.moved(Status.CANCELLED, later(2), Cause.REQUEST))
    assert store.change_payments([first]) == [True]
    assert store.change_payments([second]) == [False]
    assert [kind for kind, *_ in told(store, payment.customer_id)] == [
        "payment.pending",
        "payment.submitting",
    ]


def test_of_changes_at_once_each_that_was_made_is_an_event_once(store: Store) -> None:
    customer_id = new_revision()
    payments = [
        a_payment(customer_id=customer_id, payment_id=f"2026-03-01T12:00:00.{n:06}Z")
        for n in range(20)
    ]

    def both(number: int) -> None:
        payment = payments[number % 20]
        store.accept(Acceptance(payment))
        store.change_payments([PaymentChange(payment, sent(payment))])

    at_once(both, range(40))
    events = told(store, customer_id)
    assert sorted(events) == sorted(
        (kind, payment.key, line)
        for payment in payments
        for line, kind in enumerate(["payment.pending", "payment.submitting"])
    )


def test_a_page_goes_on_where_the_last_one_ended(store: Store, payment: Payment) -> None:
    before = [each.event_id for each in listed(store)]
    store.accept(Acceptance(payment))
    page = listed(store, before[-1] if before else None)
    assert [each.event.payment for each in page] == [payment.key]
    assert [each.event_id for each in listed(store, limit=3)] == [*before, page[0].event_id]
    assert listed(store, page[-1].event_id) == []


def test_an_event_is_found_by_its_id(store: Store, payment: Payment) -> None:
    store.accept(Acceptance(payment))
    published = listed(store)[-1]
    assert store.get_event(published.event_id) == published.event
    for unknown in ("evt_" + "9" * 20, "evt_" + "9" * 29, published.event_id[:-1] + "x"):
        assert store.get_event(unknown) is None


def test_a_change_of_who_is_paid_is_an_event(store: Store) -> None:
    customer = a_customer(customer_id=new_revision())
    store.add_customer(customer)
    event = CustomerEvent(later(5), CustomerAction.METHOD_PUT, Cause.REQUEST, "payroll", "paypal")
    new, entries = with_history(customer, customer.changed(), event)
    assert store.change_customer(customer, new, entries)
    assert store.change_customer(customer, new, entries)  # repeated
    (kind, subject, line) = told(store, customer.customer_id)[0]
    assert (kind, line) == ("customer.payee_changed", 2)
    assert subject == (customer.customer_id, entries[-1].entry_id)
    assert len(told(store, customer.customer_id)) == 1


def test_a_batch_that_is_parked_is_an_event(store: Store) -> None:
    batch = a_batch()
    store.add_batch(batch, members(2))
    frozen = batch.frozen(later(1), ())
    assert store.change_batch(batch, frozen)
    why = "OutcomeUnknown: TIMEOUT"
    at = utc_now()
    parked = frozen.changed(state=BatchState.PARKED, parked_at=at, last_error=why)
    assert store.change_batch(frozen, parked)
    assert store.change_batch(frozen, parked)  # repeated
    decided = parked.changed(state=BatchState.ACCEPTED, last_error=None)
    assert store.change_batch(parked, decided)
    assert told(store, batch.batch_id) == [("batch.parked", (batch.batch_id, why), 0)]


def test_a_batch_that_was_not_parked_is_no_event(store: Store) -> None:
    batch = a_batch()
    store.add_batch(batch, members(2))
    aborted = batch.changed(state=BatchState.ABORTED)
    assert store.change_batch(batch, aborted)
    late = batch.changed(state=BatchState.PARKED, parked_at=utc_now())
    assert not store.change_batch(batch, late)
    assert told(store, batch.batch_id) == []
