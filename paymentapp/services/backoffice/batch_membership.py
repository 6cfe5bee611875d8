"""Membership check: whether each payment is a member of the batch that it points at."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from paymentapp.models.batches import Batch
from paymentapp.models.payments import Payment
from paymentapp.services.backoffice.period import Period
from paymentapp.services.dispatch.batching import members_of
from paymentapp.storage.base import Store


class Orphan(NamedTuple):
    """A payment whose batch does not list it; `batch` is None where it is not on record."""

    payment: Payment
    batch: Batch | None


class MembershipCheck:
    """Compares two counts for each batch: members that point at it, and payments that point at it.

    Every member that points at a batch is one of the payments that point at it, so equal counts
    mean equal sets, and neither list is kept in memory. A batch whose counts differ, perhaps
    because something moved meanwhile, is examined in a second pass.
    """

    def __init__(self, store: Store, period: Period) -> None:
        self._store = store
        self._period = period
        self._balance: Counter[str] = Counter()

    def listed(self, batch: Batch, payments: Iterable[Payment]) -> None:
        """Count the payments listed by a batch that point at it."""
        members = [p for p in payments if p.batch_id == batch.batch_id and self._period.holds(p)]
        self._balance[batch.batch_id] += len(members)

    def named(self, payment: Payment) -> None:
        """Count a payment of the period, if it points at a batch."""
        if payment.batch_id is not None:
            self._balance[payment.batch_id] -= 1
            if not self._balance[payment.batch_id]:
                del self._balance[payment.batch_id]

    def orphans(self) -> Iterator[Orphan]:
        """Yield the payments that their batch does not list, once everything is counted.

        Reads the period's payments again where counts differ.
        """
        unequal = {batch_id for batch_id, balance in self._balance.items() if balance}
        if not unequal:
            return
        by_batch: defaultdict[str, list[Payment]] = defaultdict(list)
        for payment in self._store.scan_payments(*self._period):
            if payment.batch_id in unequal:
                by_batch[payment.batch_id or ""].append(payment)
        for batch_id, payments in by_batch.items():
            batch = self._store.get_batch(batch_id)
            listed = {m.key for m in members_of(self._store, batch)} if batch else set()
            yield from (Orphan(payment, batch) for payment in payments if payment.key not in listed)
