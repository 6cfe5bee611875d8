"""The sweep: what is due is found in the store, whoever accepted it and whoever dropped it.

The sweep alone is enough for correctness. One process at a time sweeps a shard, by a lease,
so that a flood leaves in full batches; two that sweep the same shard only get in each other's
way, since every payment is stamped conditionally.

A shard that was swept once is swept for ever: its lease stays on record, and tells processes with
a lower setting of it. So the number of shards may be raised and lowered while payments are due.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from paymentapp.clock import Clock
from paymentapp.models.batches import Batch
from paymentapp.models.payments import Payment
from paymentapp.models.provider_events import ProviderEvent
from paymentapp.services.dispatch.dispatcher import Dispatcher
from paymentapp.services.dispatch.polling import Poller
from paymentapp.services.inbound.inbox import Inbox
from paymentapp.storage.base import Lease, Store

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=15)
GRACE = timedelta(seconds=1)  # how long a new payment is left to the process that accepted it
ONCE_A_MINUTE = timedelta(minutes=1)  # looks for shards that others have begun; warnings
OVERDUE = timedelta(minutes=2)  # when a person should know
_BEAT = "sweep"


class DueWork(NamedTuple):
    """What one look at the due indexes brought."""

    groups: list[list[Payment]]  # each can go as one batch
    take_back: list[Payment]  # unclaimed, and no longer wanted
    batches: list[Batch]  # in need of attention
    more: bool  # whether there is more than was read
    events: Sequence[ProviderEvent]  # of webhooks, that nobody has applied yet


class Sweeper:
    """Finds due work in the shards that this process holds."""

    def __init__(
        self,
        store: Store,
        dispatcher: Dispatcher,
        poller: Poller,
        inbox: Inbox,
        clock: Clock,
        shards: int,
        at_once: int,
    ) -> None:
        """`at_once` is how many batches the caller can work on at a time."""
        self.store = store
        self.dispatcher = dispatcher
        self.poller = poller
        self.inbox = inbox
        self.clock = clock
        self.shards = shards
        self.at_once = at_once
        self.owner = secrets.token_hex(8)
        self._leases: dict[int, Lease] = {}
        self._counted_at: datetime | None = None
        self._told_at: datetime | None = None

    def find_due(self) -> DueWork:
        """Take the leases that are to be had, and read what is due in their shards."""
        now = self.clock()
        batches: list[Batch] = []
        payments: list[Payment] = []
        events: list[ProviderEvent] = []
        limit = self._limit()
        more = False
        self._count_shards(now)
        for shard in range(self.shards):
            if not self._holds(shard, now):
                continue
            due = self.store.due_payments(shard, now - GRACE, limit)
            more = more or len(due) >= limit
            payments += due
            batches += self.store.due_batches(shard, now, limit)
            events += self.inbox.due(shard, now)
        payments.sort(key=lambda payment: payment.due_at or now)
        self._tell_overdue(payments, now)
        groups = self.dispatcher.group(payments)
        if more:
            groups = self._full_ones(groups)
        back = [payment for payment in payments if payment.is_to_be_taken_back]
        return DueWork(groups, back, batches, more and bool(groups), events)

    def run(self) -> int:
        """Look, and do all that was found, one after the other. Returns how much that was."""
        found = self.find_due()
        for batch in found.batches:
            self.dispatcher.resume(batch)
        for event in found.events:
            self.inbox.apply(event)
        for payment in found.take_back:
            self.poller.cancel_unclaimed(payment)
        for group in found.groups:
            self.dispatcher.submit(group)
        return sum(map(len, (found.batches, found.events, found.take_back, found.groups)))

    def release(self) -> None:
        """Give the leases back, so that another process takes over at once."""
        now = self.clock()
        for lease in self._leases.values():
            if lease.owner == self.owner:
                self.store.hold_lease(lease._replace(until=now), now)
        self._leases.clear()

    def beat(self, lasts: timedelta) -> None:
        """Say that somebody will sweep again within that time, without holding a shard until then.

        For sweeps that come by a schedule, in another process each time: all are one owner.
        """
        now = self.clock()
        self.store.hold_lease(Lease(_BEAT, _BEAT, now + lasts), now)

    def is_held(self) -> bool:
        """Whether some process, this or another, sweeps the first shard, or soon will."""
        now = self.clock()
        leases = map(self.store.get_lease, (_lease_name(0), _BEAT))
        return any(lease is not None and lease.until > now for lease in leases)

    def _limit(self) -> int:
        sizes = [provider.batch_size for provider in self.dispatcher.providers.values()]
        return max(sizes, default=1) * self.at_once

    def _full_ones(self, groups: list[list[Payment]]) -> list[list[Payment]]:
        """While more is waiting, a part-filled batch would waste a call; the next look fills it.

        Unless none is full: then the due payments are of many kinds, and all may go.
        """
        return list(filter(self.dispatcher.is_full, groups)) or groups

    def _tell_overdue(self, oldest_first: Sequence[Payment], now: datetime) -> None:
        """Log how long the oldest due payment has waited, if that is too long; once a minute."""
        since = oldest_first[0].due_at if oldest_first else None
        silent = self._told_at is None or now - self._told_at >= ONCE_A_MINUTE
        if since is not None and now - since > OVERDUE and silent:
            self._told_at = now
            log.warning("the oldest due payment has waited for %d s", (now - since).total_seconds())

    def _count_shards(self, now: datetime) -> None:
        """Add the shards beyond this process's setting that another has swept, now or before."""
        if self._counted_at is not None and now - self._counted_at < ONCE_A_MINUTE:
            return
        while self.store.get_lease(_lease_name(self.shards)) is not None:
            self.shards += 1
        self._counted_at = now

    def _holds(self, shard: int, now: datetime) -> bool:
        """Whether this process may sweep the shard; a lease is renewed at half its time."""
        lease = self._leases.get(shard)
        if lease is None or lease.until <= now or self._is_due(lease, now):
            wanted = Lease(_lease_name(shard), self.owner, now + LEASE)
            lease = self._leases[shard] = self.store.hold_lease(wanted, now)
        return lease.owner == self.owner

    def _is_due(self, lease: Lease, now: datetime) -> bool:
        return lease.owner == self.owner and lease.until - now < LEASE / 2


def _lease_name(shard: int) -> str:
    return f"sweep#{shard:04d}"
