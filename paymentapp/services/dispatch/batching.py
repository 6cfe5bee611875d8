"""Batches and their members: group payments, and change both by conditional writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar, Unpack

from paymentapp.clock import Clock
from paymentapp.errors import StoreUnavailable
from paymentapp.models.batches import Batch, BatchChanges, Member
from paymentapp.models.payments import Cause, Payment, Status
from paymentapp.providers.base import Provider
from paymentapp.services.remittance import options_for, sent_on
from paymentapp.storage.base import Store
from paymentapp.storage.changes import PaymentChange
from paymentapp.storage.contention import MAX_TRIES, tries

T = TypeVar("T")
MemberChange = Callable[[Payment, int, datetime], Payment]  # the payment, its position, the time

LEASE = timedelta(seconds=30)  # how long the process that works on a batch has it to itself


def member_of(payment: Payment, provider: Provider) -> Member:
    """Return the member of a provider's batch that a payment becomes."""
    return Member(
        payment.customer_id,
        payment.payment_id,
        payment.money,
        payment.email,
        payment.destination,
        *sent_on(provider, payment.texts),
        bulk_id=payment.bulk_id,
        options=options_for(provider, payment.texts),
    )


def members_of(store: Store, batch: Batch) -> list[Member]:
    """Read the members of a batch: its candidates without those that another batch took."""
    excluded = set(batch.excluded)
    candidates = store.get_members(batch)
    return [member for position, member in enumerate(candidates) if position not in excluded]


def forget(store: Store, batch: Batch, lost: Sequence[Payment]) -> None:
    """Remove what a batch holds of candidates that another batch took.

    No history names this batch, so that an erasure of their customers would not find it.
    """
    if lost:
        store.erase_members(batch, [payment.key for payment in lost])


def grouped(payments: Iterable[Payment], providers: Mapping[str, Provider]) -> list[list[Payment]]:
    """Group payments into lists that fit one batch each, in their order.

    The payments of a list have the same provider, currency and batch key, and are at most the
    provider's batch size. A payment whose provider is not configured is left out.
    """
    open_groups: dict[tuple[str, str, str], list[Payment]] = {}
    groups = []
    for payment in payments:
        provider = providers.get(payment.payment_method)
        if provider is None:
            continue
        batch_key = provider.batch_key.key(payment) if provider.batch_key else ""
        key = (provider.name, payment.money.currency, batch_key)
        group = [] if payment.isolated else open_groups.setdefault(key, [])
        if not group:
            groups.append(group)
        group.append(payment)
        if len(group) >= provider.batch_size:
            open_groups.pop(key, None)
    return groups


def stamped(payment: Payment, batch: Batch, now: datetime) -> Payment:
    """Return the payment as a member of the batch, no longer due."""
    return payment.moved(
        Status.SUBMITTING,
        now,
        Cause.DISPATCH,
        batch.batch_id,
        batch_id=batch.batch_id,
        due_at=None,
    )


def freed(
    payment: Payment,
    now: datetime,
    cause: Cause = Cause.DISPATCH,
    *,
    why: str = "",
    by: str = "",
    isolated: bool = False,
) -> Payment:
    """Return the payment as it leaves its batch, due now; `why` is added to its history."""
    return payment.moved(
        *(Status.PENDING, now, cause, f"{payment.batch_id} {why}".strip(), by),
        batch_id=None,
        due_at=now,
        isolated=isolated or payment.isolated,
    )


def advance(store: Store, batch: Batch, **changes: Unpack[BatchChanges]) -> Batch:
    """Change a batch by compare-and-swap, while it is in the state of `batch`.

    Returns and raises what `advance_by` does.
    """
    return advance_by(store, batch, lambda stored: stored.changed(**changes))


def advance_by(store: Store, batch: Batch, change: Callable[[Batch], Batch]) -> Batch:
    """Change a batch by compare-and-swap, while it is in the state of `batch`.

    `change` gets the version that it replaces, and may be called several times: where the answer
    to a write was lost, also for the result of its own first call. Returns the batch as it then
    stands: possibly in a state that another process gave it. Raises StoreUnavailable where other
    writers win MAX_TRIES times in a row.
    """
    state = batch.state
    for _ in tries():
        changed = change(batch)
        if store.change_batch(batch, changed):
            return changed
        stored = store.get_batch(batch.batch_id)
        if stored is None or stored.state is not state:
            return stored or batch
        batch = stored
    raise StoreUnavailable(f"batch {batch.batch_id} was changed {MAX_TRIES} times meanwhile")


def change_stamped(
    store: Store, clock: Clock, batch: Batch, members: Sequence[Member], change: MemberChange
) -> None:
    """Change every member that is `submitting` in this batch, and nothing else.

    A member that another process changes meanwhile is read and tried again. Raises
    StoreUnavailable where that happens MAX_TRIES times in a row.
    """
    waiting = list(enumerate(members))
    for _ in tries():
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
        waiting = [lost for lost, ok in zip(changes, done, strict=True) if not ok]
        if not waiting:
            return
    raise StoreUnavailable(f"members of {batch.batch_id} were changed {MAX_TRIES} times meanwhile")


def chunks(values: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Yield the values in order, at most `size` at a time."""
    return (values[first : first + size] for first in range(0, len(values), size))
