"""The members of a batch: those that can go together, those that are in it; lists in parts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from paymentapp.models.batches import Batch, Member
from paymentapp.models.payments import Cause, Payment, Status
from paymentapp.providers.base import Provider
from paymentapp.storage.base import Store

T = TypeVar("T")


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


def chunks(values: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The values, at most so many at a time."""
    return (values[first : first + size] for first in range(0, len(values), size))
