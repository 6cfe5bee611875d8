"""PostgreSQL: a write is made as a whole or not at all, and lists its events in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import psycopg
import pytest

from paymentapp.clock import to_text, utc_now
from paymentapp.config import Settings
from paymentapp.errors import StoreUnavailable
from paymentapp.models.batches import BatchState
from paymentapp.models.customer_history import (
    CustomerAction,
    CustomerEvent,
    registered,
    with_history,
)
from paymentapp.models.limits import Charge
from paymentapp.models.payments import Cause, Payment, PaymentKey, Status
from paymentapp.models.references import ReferenceClaim
from paymentapp.storage.accepting import AcceptRequest
from paymentapp.storage.changes import Acceptance, PaymentChange
from paymentapp.storage.postgresql import PostgreSQLStore, events
from tests.contract.test_store_races import at_once
from tests.support import postgresql
from tests.support.records import (
    NOW,
    a_batch,
    a_claim,
    a_customer,
    a_hold,
    a_payment,
    add_payment,
    later,
    members,
    payments_of_many,
    stamped,
)

CHARGE = Charge("all//USD/day", "2026-03-01", Decimal(40), Decimal(100))
CHARGED = replace(a_payment(), charges=(str(CHARGE),))
REFERENCE = ReferenceClaim("digest")
ADD_LATER = """UPDATE paymentapp.{} SET document = document || '{{"later": [1]}}'"""
READ_LATER = "SELECT DISTINCT document -> 'later' FROM paymentapp.{}"
TABLES = ("customers", "disbursements", "operations", "events")


@contextmanager
def unwritable(url: str, table: str) -> Iterator[None]:
    """Have the server refuse rows of a table, as it does where it cannot write them."""
    name = f"paymentapp.{table}"
    postgresql.run(
        url,
        "CREATE FUNCTION paymentapp.no() RETURNS trigger LANGUAGE plpgsql AS "
        "$$BEGIN RAISE EXCEPTION 'no' USING ERRCODE = 'disk_full'; END$$",
    )
    postgresql.run(
        url, f"CREATE TRIGGER no BEFORE INSERT ON {name} EXECUTE FUNCTION paymentapp.no()"
    )
    try:
        yield
    finally:
        postgresql.run(url, "DROP FUNCTION paymentapp.no CASCADE")


def rows(url: str) -> list[list[tuple[object, ...]]]:
    return [postgresql.run(url, f"TABLE paymentapp.{name}") for name in TABLES]


# A whole write, or none


def accept(store: PostgreSQLStore) -> object:
    return store.accept(Acceptance(a_payment(payment_id=to_text(later(1))), a_claim()))


def accept_counted(store: PostgreSQLStore) -> object:
    payment = replace(CHARGED, payment_id=to_text(later(1)))
    return store.accept(Acceptance(payment, a_claim(), charges=[CHARGE], reference=REFERENCE))


def accept_several(store: PostgreSQLStore) -> object:
    wanted = [
        Acceptance(each, a_claim(key_hash=each.customer_id, customer_id=each.customer_id))
        for each in payments_of_many(3)
    ]
    return store.accept_many(
        [AcceptRequest(each.payment.customer_id, (), lambda _, each=each: each) for each in wanted]  # type: ignore[misc]
    )


def stamp(store: PostgreSQLStore) -> object:
    return store.change_payments([PaymentChange(CHARGED, stamped(CHARGED))])


def give_back(store: PostgreSQLStore) -> object:
    cancelled = CHARGED.moved(Status.CANCELLED, later(5), Cause.REQUEST, due_at=None)
    return store.change_payments([PaymentChange(CHARGED, cancelled)])


def register(store: PostgreSQLStore) -> object:
    return store.add_customer(*registered(a_customer(customer_id="bob"), "payroll"))


def change_customer(store: PostgreSQLStore) -> object:
    first = store.get_customer("ada")
    assert first is not None
    event = CustomerEvent(NOW, CustomerAction.METHOD_PUT, Cause.REQUEST)
    return store.change_customer(first, *with_history(first, first.changed(), event))


def prepare(store: PostgreSQLStore) -> None:
    store.add_batch(a_batch(batch_id="b2"), members(2))


def park(store: PostgreSQLStore) -> object:
    batch = store.get_batch("b1")
    assert batch is not None
    return store.change_batch(batch, batch.changed(state=BatchState.PARKED, parked_at=NOW))


def hold(store: PostgreSQLStore) -> object:
    return store.add_hold(a_hold())


Write = Callable[[PostgreSQLStore], object]


@pytest.mark.parametrize(
    ("write", "table"),
    [
        (accept, "disbursements"),
        (accept, "events"),
        (accept_counted, "operations"),
        (accept_counted, "events"),
        (accept_several, "disbursements"),
        (accept_several, "events"),
        (stamp, "events"),
        (give_back, "events"),
        (register, "operations"),
        (register, "events"),
        (change_customer, "operations"),
        (prepare, "operations"),
        (park, "events"),
        (hold, "events"),
    ],
)
def test_a_write_a_part_of_which_is_refused_leaves_nothing(
    postgresql_store: PostgreSQLStore, postgresql_url: str, write: Write, table: str
) -> None:
    postgresql_store.accept(Acceptance(CHARGED, charges=[CHARGE]))
    postgresql_store.add_customer(*registered(a_customer(), "payroll"))
    postgresql_store.add_batch(a_batch(batch_id="b1"), members(2))
    before = rows(postgresql_url)
    with unwritable(postgresql_url, table), pytest.raises(StoreUnavailable, match="disk full"):
        write(postgresql_store)
    assert rows(postgresql_url) == before
    write(postgresql_store)
    assert rows(postgresql_url) != before


def test_a_payment_is_given_back_whose_counter_is_gone(
    postgresql_store: PostgreSQLStore, postgresql_url: str
) -> None:
    postgresql_store.accept(Acceptance(CHARGED, charges=[CHARGE]))
    postgresql.run(postgresql_url, "DELETE FROM paymentapp.operations")
    assert give_back(postgresql_store) == [True]
    assert postgresql_store.count_of([CHARGE]) == [{}]


# Versions side by side


def test_a_change_keeps_what_a_later_version_added_to_any_record(
    postgresql_store: PostgreSQLStore, postgresql_url: str
) -> None:
    store, payment, batch = postgresql_store, a_payment(), a_batch()
    store.add_customer(a_customer())
    add_payment(store, payment)
    store.add_batch(batch, members(2))
    for table in TABLES[:3]:
        postgresql.run(postgresql_url, ADD_LATER.format(table))
    assert store.change_customer(a_customer(), a_customer().changed(default_method="paypal"))
    assert store.change_payments([PaymentChange(payment, stamped(payment))]) == [True]
    assert store.change_batch(batch, batch.changed(attention_at=None))
    for table in TABLES[:3]:
        assert postgresql.run(postgresql_url, READ_LATER.format(table)) == [([1],)], table


def test_a_version_that_knows_no_history_changes_a_customer_beside_one_that_does(
    postgresql_store: PostgreSQLStore,
) -> None:
    first, begun = registered(a_customer(), "payroll")
    postgresql_store.add_customer(first, begun)
    known = replace(first, changes=0)  # as the version before reads it
    theirs = known.changed(default_method="paypal")
    assert postgresql_store.change_customer(known, theirs)
    assert postgresql_store.get_customer("ada") == replace(theirs, changes=1)
    assert postgresql_store.customer_history("ada", 10) == begun


# The list of events


def subjects(store: PostgreSQLStore) -> list[object]:
    return [each.event.subject for each in store.list_events(None, 100).events]


def test_what_commits_late_comes_after_what_was_listed_before(
    postgresql_store: PostgreSQLStore, postgresql_url: str
) -> None:
    first = add_payment(postgresql_store, _requested(1))
    with closing(psycopg.connect(postgresql_url)) as late:
        late.execute(
            "INSERT INTO paymentapp.events (at, expires_at, event) "
            "SELECT at, expires_at, event FROM paymentapp.events"
        )
        second = add_payment(postgresql_store, _requested(2))
        assert subjects(postgresql_store) == [first.key, second.key]
        late.commit()
    assert subjects(postgresql_store)[:2] == [first.key, second.key]
    assert len(subjects(postgresql_store)) == 3


def test_processes_that_list_at_once_list_each_event_once(
    postgresql_store: PostgreSQLStore, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "PUBLISHED_MAX", 3)
    wanted = {add_payment(postgresql_store, _requested(n)).key for n in range(20)}
    other = PostgreSQLStore.of(Settings(store=postgresql_url))

    def publish(number: int) -> None:
        (postgresql_store, other)[number % 2].publish_events(utc_now())

    at_once(publish, range(8))
    other.close()
    found = postgresql_store.list_events(None, 100).events
    assert len({each.event_id for each in found}) == len(found) == 20
    assert {PaymentKey(*each.event.subject) for each in found} == wanted


def _requested(number: int) -> Payment:
    now: datetime = later(number)
    line = a_payment().history[0]._replace(at=now)
    return a_payment(payment_id=to_text(now), history=(line,))
