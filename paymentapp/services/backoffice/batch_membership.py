"""The roll: whether each payment is a member of the batch that it names."""

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
    """A payment that is no member of the batch that it names; None where there is no batch."""

    payment: Payment
    batch: Batch | None


class MembershipCheck:
    """Counts, for each batch, its members that name it, and the payments that name it.

    Members that name a batch are among the payments that name it, so that the two lists are the
    same where the two numbers are; neither list is held. A batch whose numbers differ, also
    because something moved meanwhile, is looked into afterwards.
    """

    def __init__(self, store: Store, period: Period) -> None:
        self._store = store
        self._span = period
        self._balance: Counter[str] = Counter()

    def listed(self, batch: Batch, payments: Iterable[Payment]) -> None:
        """Of the payments that a batch lists, note those that name it."""
        naming = [p for p in payments if p.batch_id == batch.batch_id and self._span.holds(p)]
        self._balance[batch.batch_id] += len(naming)

    def named(self, payment: Payment) -> None:
        """Note a payment of the span that names a batch."""
        if payment.batch_id is not None:
            self._balance[payment.batch_id] -= 1
            if not self._balance[payment.batch_id]:
                del self._balance[payment.batch_id]

    def orphans(self) -> Iterator[Orphan]:
        """The payments that their batch does not list, when all is noted: a second reading, where
        the numbers ask for one."""
        doubtful = {batch_id for batch_id, balance in self._balance.items() if balance}
        if not doubtful:
            return
        naming: defaultdict[str, list[Payment]] = defaultdict(list)
        for payment in self._store.scan_payments(*self._span):
            if payment.batch_id in doubtful:
                naming[payment.batch_id or ""].append(payment)
        for batch_id, payments in naming.items():
            batch = self._store.get_batch(batch_id)
            listed = {m.key for m in members_of(self._store, batch)} if batch else set()
            yield from (Orphan(payment, batch) for payment in payments if payment.key not in listed)
