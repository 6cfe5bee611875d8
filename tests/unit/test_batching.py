"""Conditional changes of batches and their members, where others write in between."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from paymentapp.models.batches import Batch, BatchState, Member
from paymentapp.models.payments import Cause, Payment, Status
from paymentapp.services.dispatch.batching import advance, change_stamped, members_of
from paymentapp.storage.changes import PaymentChange
from tests.support.ledger_provider import LedgerProvider
from tests.support.memory_store import MemoryStore
from tests.support.processes import a_process
from tests.support.records import NOW, a_batch, a_payment, add_payment, later, stamped


class BusyStore(MemoryStore):
    """Lets another process write first, once, before the next conditional write."""

    def __init__(self) -> None:
        super().__init__()
        self.before: Callable[[], object] = lambda: None

    def _first(self) -> None:
        first, self.before = self.before, lambda: None
        first()

    def change_batch(self, old: Batch, new: Batch) -> bool:
        self._first()
        return super().change_batch(old, new)

    def change_payments(self, changes: Sequence[PaymentChange]) -> list[bool]:
        self._first()
        return super().change_payments(changes)


def stored(store: MemoryStore, batch: Batch) -> Batch | None:
    return store.get_batch(batch.batch_id)


@pytest.mark.parametrize("state", [each for each in BatchState if each is not BatchState.FROZEN])
def test_a_step_never_writes_over_another_state(state: BatchState) -> None:
    store, batch = BusyStore(), a_batch(state=BatchState.FROZEN)
    store.add_batch(batch, [])
    theirs = batch.changed(state=state)
    store.before = lambda: store.change_batch(batch, theirs)
    found = advance(store, batch, state=BatchState.REFUSED, attention_at=None)
    assert found == theirs == stored(store, batch)


def test_a_step_is_repeated_over_a_change_that_keeps_the_state() -> None:
    store, batch = BusyStore(), a_batch(state=BatchState.FROZEN)
    store.add_batch(batch, [])
    store.before = lambda: store.change_batch(batch, batch.changed(attempts=7))
    found = advance(store, batch, state=BatchState.PARKED)
    assert (found.state, found.attempts) == (BatchState.PARKED, 7)
    assert stored(store, batch) == found


def test_a_batch_that_is_not_on_record_is_not_made_by_a_step() -> None:
    store, batch = BusyStore(), a_batch(state=BatchState.FROZEN)
    assert advance(store, batch, state=BatchState.PARKED) == batch
    assert stored(store, batch) is None


def to_pending(payment: Payment, _position: int, _now: object) -> Payment:
    return payment.moved(Status.PENDING, later(9), Cause.DISPATCH, batch_id=None, due_at=NOW)


def members_in(store: MemoryStore, *payments: Payment) -> tuple[Batch, list[Member]]:
    batch = a_batch(batch_id="b1", size=len(payments))
    members = [Member(p.customer_id, p.payment_id, p.money, p.email) for p in payments]
    store.add_batch(batch, members)
    for payment in payments:
        add_payment(store, payment)
    return batch, members


def test_a_member_whose_write_was_lost_is_changed_with_the_next() -> None:
    store = BusyStore()
    first, second = (stamped(a_payment(customer_id=name)) for name in ("ann", "bob"))
    batch, members = members_in(store, first, second)
    theirs = second.changed(cancel_requested=True)
    store.before = lambda: MemoryStore.change_payments(store, [PaymentChange(second, theirs)])
    change_stamped(store, lambda: later(5), batch, members, to_pending)
    found = [store.get_payment(each.key) for each in (first, second)]
    assert [each.status for each in found if each] == [Status.PENDING] * 2
    assert found[1] is not None
    assert found[1].cancel_requested


def test_only_members_that_are_submitting_in_this_batch_are_changed() -> None:
    store = BusyStore()
    elsewhere = stamped(a_payment(customer_id="ann"), "b2")
    further = stamped(a_payment(customer_id="bob")).moved(
        Status.SUBMITTED, later(2), Cause.POLL, "ref"
    )
    free = a_payment(customer_id="cy")
    batch, members = members_in(store, elsewhere, further, free)
    missing = Member("dee", free.payment_id, free.money, "dee@example.com")
    change_stamped(store, lambda: later(5), batch, [*members, missing], to_pending)
    for payment in (elsewhere, further, free):
        assert store.get_payment(payment.key) == payment


def test_a_change_is_told_each_members_position_in_the_batch() -> None:
    store = BusyStore()
    payments = [stamped(a_payment(customer_id=name)) for name in ("ann", "bob", "cy")]
    batch, members = members_in(store, *payments)
    told = {}

    def note(payment: Payment, position: int, now: object) -> Payment:
        told[payment.customer_id] = position
        return to_pending(payment, position, now)

    store.before = lambda: MemoryStore.change_payments(
        store, [PaymentChange(payments[1], payments[1].changed(cancel_requested=True))]
    )
    change_stamped(store, lambda: later(5), batch, members, note)
    assert told == {"ann": 0, "bob": 1, "cy": 2}


def test_what_another_batch_took_is_no_member() -> None:
    store = MemoryStore()
    payments = [a_payment(customer_id=name) for name in ("ann", "bob", "cy")]
    batch, members = members_in(store, *payments)
    assert members_of(store, batch.changed(excluded=(1,))) == [members[0], members[2]]


def test_a_search_for_late_stamps_counts_from_the_very_moment_it_is_due() -> None:
    store = MemoryStore()
    batch = a_batch(state=BatchState.ABORTED, attention_at=NOW, created_at=NOW)
    store.add_batch(batch, [])
    for moment, attempts in ((later(-1), 0), (NOW, 1)):
        process = a_process(store, moment.replace, LedgerProvider())
        assert process.dispatcher.resume(batch).attempts == attempts
