"""Batches and their members: which payments go together, and conditional changes of both."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar, Unpack

from paymentapp.clock import Clock
from paymentapp.models.batches import Batch, BatchChanges, Member
from paymentapp.models.payments import Cause, Payment, Status
from paymentapp.providers.base import Provider
from paymentapp.storage.base import PaymentChange, Store

T = TypeVar("T")
MemberChange = Callable[[Payment, int, datetime], Payment]  # of a member at a position

LEASE = timedelta(seconds=30)  # how long a batch is left to the process that works on it


def member_of(payment: Payment) -> Member:
    """What a batch carries of a payment."""
    return Member(
        payment.customer_id, payment.payment_id, payment.money, payment.email, payment.destination
    )


def members_of(store: Store, batch: Batch) -> list[Member]:
    """The members of a batch: its candidates without those that another batch took."""
    excluded = set(batch.excluded)
    candidates = store.get_members(batch)
    return [member for place, member in enumerate(candidates) if place not in excluded]


def grouped(payments: Iterable[Payment], providers: Mapping[str, Provider]) -> list[list[Payment]]:
    """Payments that can go in one batch each, in their order: of one provider, currency and
    batch key, and at most its batch size. A payment of no provider that there is, is left out."""
    open_groups: dict[tuple[str, str, str], list[Payment]] = {}
    groups = []
    for payment in payments:
        provider = providers.get(payment.payment_method)
        if provider is None:
            continue
        apart = provider.batch_key.key(payment) if provider.batch_key else ""
        key = (provider.name, payment.money.currency, apart)
        group = [] if payment.isolated else open_groups.setdefault(key, [])
        if not group:
            groups.append(group)
        group.append(payment)
        if len(group) >= provider.batch_size:
            open_groups.pop(key, None)
    return groups


def stamped(payment: Payment, batch: Batch, now: datetime) -> Payment:
    """The payment as a member of the batch, no longer due."""
    return payment.moved(
        Status.SUBMITTING,
        now,
        Cause.DISPATCH,
        batch.batch_id,
        batch_id=batch.batch_id,
        due_at=None,
    )


def advance(store: Store, batch: Batch, **changes: Unpack[BatchChanges]) -> Batch:
    """Change a batch as long as it is in the state that the change was decided on.

    Returns the batch as it stands then: maybe in a state that another process gave it.
    """
    state = batch.state
    while True:
        changed = batch.changed(**changes)
        if store.change_batch(batch, changed):
            return changed
        stored = store.get_batch(batch.batch_id)
        if stored is None or stored.state is not state:
            return stored or batch
        batch = stored


def change_stamped(
    store: Store, clock: Clock, batch: Batch, members: Sequence[Member], change: MemberChange
) -> None:
    """Change every member that is `submitting` in this batch; nothing else is touched."""
    waiting = list(enumerate(members))
    while waiting:
        payments = store.get_payments([member.key for _, member in waiting])
        now = clock()
        changes = {}
        for position, member in waiting:
            payment = payments.get(member.key)
            if (
                payment is not None
                and payment.batch_id == batch.batch_id
                and payment.status is Status.SUBMITTING
            ):
                changed = change(payment, position, now)
                changes[position, member] = PaymentChange(payment, changed)
        done = store.change_payments(list(changes.values())) if changes else []
        waiting = [place for place, ok in zip(changes, done, strict=True) if not ok]


def chunks(values: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The values, at most so many at a time."""
    return (values[first : first + size] for first in range(0, len(values), size))
