"""The PostgreSQL engine: lost answers, lost requests, and what it costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from random import Random

import pytest

from paymentapp.clock import to_text, utc_now
from paymentapp.errors import StoreUnavailable
from paymentapp.models.batches import BatchState
from paymentapp.models.customer_history import registered
from paymentapp.models.limits import Charge
from paymentapp.models.payments import Cause, Status
from paymentapp.models.references import ReferenceClaim
from paymentapp.storage.accepting import AcceptRequest, Decide
from paymentapp.storage.base import Lease
from paymentapp.storage.changes import Acceptance, PaymentChange
from paymentapp.storage.postgresql import PostgreSQLStore
from tests.contract.test_store_races import at_once
from tests.support import postgresql
from tests.support.postgresql_proxy import PostgreSQLProxy
from tests.support.records import (
    NOW,
    a_batch,
    a_claim,
    a_customer,
    a_hold,
    a_payment,
    add_payment,
    an_event,
    later,
    members,
    payments_of_many,
    stamped,
)

CHARGE = Charge("all//USD/day", "2026-03-01", Decimal("12.5"), Decimal(100))
CHARGED = replace(a_payment(), charges=(str(CHARGE),))
STAMPED = stamped(CHARGED)
PLAIN = Acceptance(a_payment(), a_claim())
COUNTED = Acceptance(CHARGED, a_claim(), charges=[CHARGE], reference=ReferenceClaim("r1"))
SEVERAL = [
    Acceptance(a_payment(customer_id=name), a_claim(key_hash=name, customer_id=name))
    for name in ("ada", "bob")
]


@pytest.fixture
def store(proxied_store: PostgreSQLStore) -> PostgreSQLStore:
    return proxied_store


def accept(store: PostgreSQLStore) -> None:
    assert store.accept(PLAIN) == PLAIN[:2]


def accept_several(store: PostgreSQLStore) -> None:
    """Accept two payments at once; after a lost answer only a second look tells that they are."""
    requests = [AcceptRequest(each.payment.customer_id, (), _deciding(each)) for each in SEVERAL]
    payments = [each.payment for each in SEVERAL]
    assert store.accept_many(requests) in (payments, [None, None])
    assert store.get_payments([each.key for each in payments]) == {p.key: p for p in payments}


def _deciding(acceptance: Acceptance) -> Decide:
    return lambda _: acceptance


def accept_counted(store: PostgreSQLStore) -> None:
    assert store.accept(COUNTED) == COUNTED[:2]
    assert store.count_of([CHARGE]) == [{CHARGE.slot: CHARGE.amount}]


def give_back(store: PostgreSQLStore) -> None:
    cancelled = CHARGED.moved(Status.CANCELLED, later(5), Cause.REQUEST, due_at=None)
    assert store.change_payments([PaymentChange(CHARGED, cancelled)]) == [True]
    assert store.count_of([CHARGE]) == [{}]


def stamp(store: PostgreSQLStore) -> None:
    assert store.change_payments([PaymentChange(CHARGED, STAMPED)]) == [True]


def register(store: PostgreSQLStore) -> None:
    customer, lines = registered(a_customer(), "desk")
    assert store.add_customer(customer, lines) == customer
    assert len(store.customer_history("ada", 9)) == 1
    assert store.change_customer(customer, customer.changed(default_method="paypal"))


def park(store: PostgreSQLStore) -> None:
    batch = a_batch()
    store.add_batch(batch, members(2))
    assert store.get_members(batch) == members(2)
    parked = batch.changed(state=BatchState.PARKED, parked_at=NOW, last_error="why")
    assert store.change_batch(batch, parked)


def hold(store: PostgreSQLStore) -> None:
    assert store.add_hold(a_hold()) == a_hold()


def release(store: PostgreSQLStore) -> None:
    assert store.release_hold(a_hold(), a_hold().released(later(9), "desk"))


def lease(store: PostgreSQLStore) -> None:
    wanted = Lease("sweep", "me", later(30))
    assert store.hold_lease(wanted, NOW) == wanted


def inbox(store: PostgreSQLStore) -> None:
    event = an_event()
    assert store.add_provider_event(event) == event
    assert store.change_provider_event(event, event.changed(attention_at=None))


Write = Callable[[PostgreSQLStore], None]
# What is done, what has to be there before, and the events that it makes.
WRITES: list[tuple[Write, Write | None, list[str]]] = [
    (accept, None, ["payment.pending"]),
    (accept_several, None, ["payment.pending", "payment.pending"]),
    (accept_counted, None, ["payment.pending"]),
    (stamp, accept_counted, ["payment.pending", "payment.submitting"]),
    (give_back, accept_counted, ["payment.pending", "payment.cancelled"]),
    (register, None, []),
    (park, None, ["batch.parked"]),
    (hold, None, ["hold.placed"]),
    (release, hold, ["hold.placed", "hold.released"]),
    (lease, None, []),
    (inbox, None, []),
]
EACH_WRITE = pytest.mark.parametrize(
    ("write", "before", "events"), WRITES, ids=[write.__name__ for write, *_ in WRITES]
)


def listed(store: PostgreSQLStore) -> list[str]:
    return sorted(each.event.type for each in store.list_events(None, 100).events)


@EACH_WRITE
@pytest.mark.parametrize("kind", ["lost_answers", "lost_commits", "lost_requests"])
def test_a_write_is_made_once_whatever_the_network_loses(
    store: PostgreSQLStore,
    proxy: PostgreSQLProxy,
    write: Write,
    before: Write | None,
    events: list[str],
    kind: str,
) -> None:
    if before:
        before(store)
    setattr(proxy, kind, 1)
    write(store)
    assert proxy.losses == 1
    assert listed(store) == sorted(events)


@EACH_WRITE
def test_a_write_whose_network_is_gone_is_refused_and_can_be_made_later(
    store: PostgreSQLStore,
    proxy: PostgreSQLProxy,
    write: Write,
    before: Write | None,
    events: list[str],
) -> None:
    if before:
        before(store)
    proxy.lost_answers = 100
    with pytest.raises(StoreUnavailable, match=r"connection lost|not reachable"):
        write(store)
    proxy.lost_answers = 0
    write(store)
    assert listed(store) == sorted(events)


def test_connections_that_ended_while_idle_are_replaced(
    store: PostgreSQLStore, proxy: PostgreSQLProxy
) -> None:
    proxy.cut()
    assert store.get_customer("ada") is None
    proxy.cut()
    accept(store)


# What it costs


def test_a_payment_is_accepted_by_one_read_and_one_write(
    store: PostgreSQLStore, proxy: PostgreSQLProxy
) -> None:
    acceptance = Acceptance(a_payment(), a_claim())
    with proxy.counting() as counts:
        store.accept_at_once("ada", ["h1"], lambda _: acceptance)
    assert counts == {"statements": 2, "round trips": 2}
    assert store.get_payment(acceptance.payment.key) == acceptance.payment


def test_a_payment_that_counts_takes_two_round_trips(
    store: PostgreSQLStore, proxy: PostgreSQLProxy
) -> None:
    with proxy.counting() as counts:
        store.accept(COUNTED)
    assert counts == {"statements": 7, "round trips": 2}


def test_many_payments_are_accepted_by_one_read_and_one_write(
    store: PostgreSQLStore, proxy: PostgreSQLProxy
) -> None:
    with proxy.counting() as counts:
        accept_several(store)
    assert counts == {"statements": 3, "round trips": 3}  # the last one is the test's own read


def test_a_key_that_was_used_takes_one_round_trip_more(
    store: PostgreSQLStore, proxy: PostgreSQLProxy
) -> None:
    accept(store)
    other = a_payment(payment_id=to_text(later(1)))
    with proxy.counting() as counts:
        assert store.accept(Acceptance(other, a_claim())).payment is None
    assert counts == {"statements": 2, "round trips": 2}


def test_a_batch_of_500_is_stamped_by_one_statement(
    store: PostgreSQLStore, proxy: PostgreSQLProxy
) -> None:
    payments = [add_payment(store, payment) for payment in payments_of_many(500)]
    changes = [PaymentChange(each, stamped(each)) for each in payments]
    with proxy.counting() as counts:
        assert store.change_payments(changes) == [True] * 500
    assert counts == {"statements": 1, "round trips": 1}


def test_a_change_by_conditional_write_takes_one_round_trip(
    store: PostgreSQLStore, proxy: PostgreSQLProxy
) -> None:
    batch = a_batch()
    with proxy.counting() as counts:
        store.add_batch(batch, members(2))
        assert store.change_batch(batch, batch.changed(state=BatchState.FROZEN))
        store.hold_lease(Lease("sweep", "me", later(30)), NOW)
    assert counts == {"statements": 3, "round trips": 3}


def test_events_are_listed_by_one_transaction_and_read_by_one_statement(
    store: PostgreSQLStore, proxy: PostgreSQLProxy
) -> None:
    accept(store)
    with proxy.counting() as counts:
        assert listed(store) == ["payment.pending"]
    assert counts == {"statements": 7, "round trips": 3}
    with proxy.counting() as counts:
        assert listed(store) == ["payment.pending"]
        store.publish_events(utc_now())
    assert counts == {"statements": 2, "round trips": 2}


# Locks


def test_changes_in_any_order_that_give_back_wait_for_each_other_or_are_repeated(
    postgresql_store: PostgreSQLStore,
) -> None:
    """Each thread cancels the same payments, in an order of its own, with counters of many."""
    store = postgresql_store
    charges = [replace(CHARGE, counter=f"customer/c{n % 5}/USD/day") for n in range(20)]
    accepted = []
    for charge, payment in zip(charges, payments_of_many(20), strict=True):
        charged = replace(payment, charges=(str(charge),))
        store.accept(Acceptance(charged, charges=[charge]))
        accepted.append(charged)

    def cancel(seed: int) -> int:
        mixed = Random(seed).sample(accepted, len(accepted))
        changes = [PaymentChange(p, p.moved(Status.CANCELLED, NOW, Cause.REQUEST)) for p in mixed]
        return sum(store.change_payments(changes))

    assert sum(at_once(cancel, range(8))) == 20
    assert store.count_of(charges) == [{}] * 20


# What PostgreSQL does not store by itself


def test_a_text_keeps_characters_that_the_server_refuses(postgresql_store: PostgreSQLStore) -> None:
    odd = "a\x00b\x1a\x1a0000 \ud83d 🙂"
    payment = a_payment(reason=odd, transaction_id=odd, provider_item_id=odd)
    add_payment(postgresql_store, payment)
    assert postgresql_store.get_payment(payment.key) == payment
    customer = a_customer(attributes={odd: odd, "rate": Decimal("0.10")})
    postgresql_store.add_customer(customer)
    assert postgresql_store.get_customer("ada") == customer
    changed = customer.changed(attributes={"plain": odd})
    assert postgresql_store.change_customer(customer, changed)
    assert postgresql_store.get_customer("ada") == changed


def test_a_change_keeps_such_characters_too(postgresql_store: PostgreSQLStore) -> None:
    odd = "a\x00b\x1a\x1a0000 \ud83d"
    payment = add_payment(postgresql_store, a_payment())
    changed = replace(
        stamped(payment), reason=odd, transaction_id=odd, provider_item_id=odd, batch_id=odd
    )
    assert postgresql_store.change_payments([PaymentChange(payment, changed)]) == [True]
    assert postgresql_store.get_payment(payment.key) == changed


def test_postgresql_keeps_what_a_later_version_has_added(
    postgresql_store: PostgreSQLStore, postgresql_url: str
) -> None:
    payment = add_payment(postgresql_store, a_payment())
    postgresql.run(
        postgresql_url,
        """UPDATE paymentapp.disbursements SET document = document || '{"later": [1]}'""",
    )
    assert postgresql_store.change_payments([PaymentChange(payment, stamped(payment))]) == [True]
    found = postgresql.run(
        postgresql_url, "SELECT document -> 'later' FROM paymentapp.disbursements"
    )
    assert found == [([1],)]
