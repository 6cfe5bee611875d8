"""Open batches: those that have a next step, what they wait for, and those that are failing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from paymentapp.clock import Clock
from paymentapp.errors import NotFound
from paymentapp.models.batches import Batch, Member
from paymentapp.models.money import Money
from paymentapp.models.payments import Payment
from paymentapp.services.dispatch.batching import members_of
from paymentapp.services.dispatch.funds import total_of
from paymentapp.services.payees import PayeeDisplay, PayeeDisplays
from paymentapp.storage.base import Store

READ_MAX = 400  # open batches that one list reads, from all shards together
_LATEST = timedelta(days=400)  # later than any step is due


class OpenBatchList(NamedTuple):
    """Open batches, those that are failing first, then by when their next step is due."""

    batches: Sequence[Batch]
    complete: bool  # False: there may be more


class BatchMember(NamedTuple):
    """A payment in a batch, and whether it still is: a refused one may be in another batch now."""

    member: Member
    payee: PayeeDisplay
    payment: Payment | None
    in_batch: bool


class ShownBatch(NamedTuple):
    """A batch, its sum, and a page of its members; `after` is where the next page begins."""

    batch: Batch
    payments: int
    total: Money | None
    members: Sequence[BatchMember]
    after: int | None


@dataclass(frozen=True, slots=True)
class OpenBatches:
    """Lists the batches that are open, and shows one."""

    store: Store
    payees: PayeeDisplays
    clock: Clock
    shards: int

    def list(self, *, failing: bool = False) -> OpenBatchList:
        """Return the open batches, or those alone that are failing.

        At most READ_MAX are read: of each shard those whose step is due first.
        """
        until, size = self.clock() + _LATEST, max(1, READ_MAX // self.shards)
        pages = [self.store.due_batches(shard, until, size) for shard in range(self.shards)]
        found = [each for page in pages for each in page if is_failing(each) or not failing]
        found.sort(key=lambda each: (not is_failing(each), each.attention_at or until))
        return OpenBatchList(found, all(len(page) < size for page in pages))

    def parked(self) -> Sequence[Batch]:
        """Return the parked batches, the longest waiting first."""
        return sorted(self.store.parked_batches(), key=_parked_at)

    def show(self, batch_id: str, first: int, limit: int) -> ShownBatch:
        """Return a batch with its members from position `first` on. Raises NotFound."""
        batch = self.store.get_batch(batch_id)
        if batch is None:
            raise NotFound("There is no such batch.")
        members = members_of(self.store, batch)
        page = members[first : first + limit]
        payments = self.store.get_payments([each.key for each in page])
        shown = [self._member(batch, each, payments.get(each.key)) for each in page]
        after = first + limit if len(members) > first + limit else None
        total = total_of(members) if members else None
        return ShownBatch(batch, len(members), total, shown, after)

    def _member(self, batch: Batch, member: Member, payment: Payment | None) -> BatchMember:
        in_batch = payment is not None and payment.batch_id == batch.batch_id
        return BatchMember(member, self.payees.of(member, batch.provider), payment, in_batch)


def is_failing(batch: Batch) -> bool:
    """Return whether a batch waits because its last attempt failed, or was not funded."""
    return batch.failure is not None or batch.lacks_funds


def _parked_at(batch: Batch) -> datetime:
    return batch.parked_at or batch.created_at
