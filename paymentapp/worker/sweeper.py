"""The sweep: finds due work in the store, whichever process accepted or dropped it.

Correctness needs nothing but the sweep. A lease gives each shard to one process at a time, so that
many due payments leave in full batches. Two processes that sweep the same shard only waste effort,
because every payment is stamped by a conditional write.

A shard that was swept once is swept from then on: its lease stays in the store, where processes
with a lower setting find it. So the number of shards may be raised and lowered while payments are
due.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from paymentapp.clock import Clock
from paymentapp.errors import StoreUnavailable
from paymentapp.models.batches import Batch
from paymentapp.models.holds import UNKNOWN, HoldsInForce
from paymentapp.models.payments import Payment
from paymentapp.models.provider_events import ProviderEvent
from paymentapp.services.dispatch.approved import expire, is_expired
from paymentapp.services.dispatch.dispatcher import Dispatcher
from paymentapp.services.dispatch.funds_watch import FundsWatch
from paymentapp.services.dispatch.polling import Poller
from paymentapp.services.inbound.inbox import Inbox
from paymentapp.storage.base import Lease, Store

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=15)
GRACE = timedelta(seconds=1)  # how long the process that accepted a payment has it to itself
ONCE_A_MINUTE = timedelta(minutes=1)  # between searches for new shards, and between warnings
READ_MAX = 20_000  # due payments of a shard in one read, where most of them are held
MAINTAIN_EVERY = timedelta(seconds=5)
OVERDUE = timedelta(minutes=2)  # a due payment that waits longer is logged
_BEAT = "sweep"


class DueWork(NamedTuple):
    """What one read of the due indexes found."""

    groups: list[list[Payment]]  # each can be sent as one batch
    take_back: list[Payment]  # unclaimed, with a cancellation requested
    batches: list[Batch]  # whose attention time has come
    more: bool  # whether more is due than was read
    events: Sequence[ProviderEvent]  # stored and not applied yet
    expired: Sequence[Payment] = ()  # awaited approval for too long

    @property
    def is_empty(self) -> bool:
        """Return whether nothing is due."""
        return not any((self.batches, self.events, self.take_back, self.expired, self.groups))


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
        funds: FundsWatch,
        erase: Callable[[], bool],
    ) -> None:
        """Make a sweeper; `at_once` is how many batches the caller can work on at a time.

        `erase` takes a step of erasing customers, and returns whether one was due.
        """
        self.store = store
        self.dispatcher = dispatcher
        self.poller = poller
        self.funds = funds
        self.erase = erase
        self.inbox = inbox
        self.clock = clock
        self.shards = shards
        self.at_once = at_once
        self.owner = secrets.token_hex(8)
        self.on_progress: Callable[[], object] = lambda: None  # called for each shard
        # Works off a bulk run while its argument says so; returns whether one was due.
        self.bulk: Callable[[Callable[[], bool]], bool] = lambda _may_go_on: False
        self.on_swept: Callable[[float], object] = lambda _seconds: None  # the oldest has waited
        self._leases: dict[int, Lease] = {}
        self._counted_at: datetime | None = None
        self._warned_at: datetime | None = None
        self._maintained_at: datetime | None = None

    def find_due(self) -> DueWork:
        """Take every lease that is free, and read what is due in their shards."""
        now = self.clock()
        batches: list[Batch] = []
        payments: list[Payment] = []
        events: list[ProviderEvent] = []
        limit = self._limit()
        more = False
        self._count_shards(now)
        for shard in range(self.shards):
            self.on_progress()
            if not self._holds(shard, now):
                continue
            due, more_due = self._due_payments(shard, now - GRACE, limit)
            more = more or more_due
            payments += due
            batches += self.store.due_batches(shard, now, limit)
            events += self.inbox.due(shard, now)
        payments.sort(key=lambda payment: payment.due_at or now)
        batches.sort(key=lambda batch: batch.attention_at or now)
        waited = _waited(payments, now)
        self.on_swept(waited.total_seconds())
        self._warn_if_overdue(waited, now)
        groups = self.dispatcher.group(payments)
        if more:
            groups = self._full_groups(groups)
        back = [payment for payment in payments if payment.is_to_be_taken_back]
        expired = [payment for payment in payments if is_expired(payment, now)]
        return DueWork(groups, back, batches, more and bool(groups), events, expired)

    @property
    def share(self) -> float:
        """Return which part of the shards this process sweeps, from 0 to 1."""
        held = sum(lease.owner == self.owner for lease in self._leases.values())
        return held / self.shards

    def run(self) -> int:
        """Find due work and do it, one step after the other; return the number of steps."""
        found = self.find_due()
        for batch in found.batches:
            self.dispatcher.resume(batch)
        for event in found.events:
            self.inbox.apply(event)
        for payment in found.take_back:
            self.poller.cancel_unclaimed(payment)
        for payment in found.expired:
            self.expire(payment)
        for group in found.groups:
            self.dispatcher.submit(group)
        steps = found.batches, found.events, found.take_back, found.expired, found.groups
        return sum(map(len, steps))

    def look_at_funds(self) -> None:
        """Look at balances and at what is to be paid from them, in all shards."""
        self.funds.look(self.shards)

    def expire(self, payment: Payment) -> None:
        """Reject a payment that has awaited approval for too long. Raises StoreUnavailable."""
        expire(self.store, self.clock, payment)

    def maintain(self) -> None:
        """List events, delete what has expired and go on erasing customers.

        Only the process that sweeps the first shard does it.

        Every MAINTAIN_EVERY at most. Raises StoreUnavailable. It is a step of its own: nothing that
        is due waits for it.
        """
        now = self.clock()
        lease = self._leases.get(0)
        last = self._maintained_at
        recently = last is not None and timedelta() <= now - last < MAINTAIN_EVERY
        if lease is not None and lease.owner == self.owner and not recently:
            self._maintained_at = now
            self.store.publish_events(now)
            self.store.delete_expired(now)
            self.erase()

    def work_off_bulk(self, may_go_on: Callable[[], bool]) -> bool:
        """Work off a bulk run that is due, while `may_go_on`; return whether one was.

        Only the process that sweeps the first shard does it. Raises StoreUnavailable.
        """
        lease = self._leases.get(0)
        return lease is not None and lease.owner == self.owner and self.bulk(may_go_on)

    def release(self) -> None:
        """Release the leases, so that another process can take over at once."""
        now = self.clock()
        for lease in self._leases.values():
            if lease.owner == self.owner:
                self.store.hold_lease(lease._replace(until=now), now)
        self._leases.clear()

    def beat(self, lasts: timedelta) -> None:
        """Record that a sweep will follow within `lasts`, without holding a shard until then.

        For scheduled sweeps, each in another process: all of them share one owner.
        """
        now = self.clock()
        self.store.hold_lease(Lease(_BEAT, _BEAT, now + lasts), now)

    def is_held(self) -> bool:
        """Return whether any process sweeps the first shard, or soon will."""
        now = self.clock()
        leases = map(self.store.get_lease, (_lease_name(0), _BEAT))
        return any(lease is not None and lease.until > now for lease in leases)

    def _due_payments(
        self, shard: int, until: datetime, limit: int
    ) -> tuple[Sequence[Payment], bool]:
        """Return the due payments of a shard that are not held, and whether more are due.

        Held payments stay due, and come first as they get older: more are read, up to READ_MAX,
        so that they are not in the way of the others. So do those that lack funds.
        """
        while True:
            due = self.store.due_payments(shard, until, limit)
            in_force = self._holds_in_force() if due else UNKNOWN
            free = self.dispatcher.failing.shortages.free(in_force.free(due))
            enough = in_force.everything or len(free) >= len(due) / 2 or limit >= READ_MAX
            if len(due) < limit or enough:
                return free, len(due) >= limit
            limit = min(4 * limit, READ_MAX)

    def _holds_in_force(self) -> HoldsInForce:
        try:
            return self.dispatcher.holds.in_force()
        except StoreUnavailable as error:
            log.warning("no payment is sent: holds cannot be read: %s; read again later", error)
            return UNKNOWN

    def _limit(self) -> int:
        sizes = [provider.batch_size for provider in self.dispatcher.providers.values()]
        return max(sizes, default=1) * self.at_once

    def _full_groups(self, groups: list[list[Payment]]) -> list[list[Payment]]:
        """Return the groups that fill a batch; the next read completes the others.

        Where none is full the due payments are of many kinds, and all groups are returned.
        """
        return list(filter(self.dispatcher.is_full, groups)) or groups

    def _warn_if_overdue(self, waited: timedelta, now: datetime) -> None:
        """Log how long the oldest due payment has waited, if that is too long; once a minute."""
        may_warn = self._warned_at is None or now - self._warned_at >= ONCE_A_MINUTE
        if waited > OVERDUE and may_warn:
            self._warned_at = now
            log.warning("the oldest due payment has waited for %d s", waited.total_seconds())

    def _count_shards(self, now: datetime) -> None:
        """Add shards beyond this process's setting that another process sweeps or has swept."""
        if self._counted_at is not None and now - self._counted_at < ONCE_A_MINUTE:
            return
        while self.store.get_lease(_lease_name(self.shards)) is not None:
            self.shards += 1
        self._counted_at = now

    def _holds(self, shard: int, now: datetime) -> bool:
        """Return whether this process may sweep the shard; renew the lease at half its time."""
        lease = self._leases.get(shard)
        if lease is None or lease.until <= now or self._needs_renewal(lease, now):
            wanted = Lease(_lease_name(shard), self.owner, now + LEASE)
            lease = self._leases[shard] = self.store.hold_lease(wanted, now)
        return lease.owner == self.owner

    def _needs_renewal(self, lease: Lease, now: datetime) -> bool:
        return lease.owner == self.owner and lease.until - now < LEASE / 2


def _waited(oldest_first: Sequence[Payment], now: datetime) -> timedelta:
    """Return how long the oldest due payment has waited; zero where none is due."""
    since = oldest_first[0].due_at if oldest_first else None
    return max(now - since, timedelta()) if since is not None else timedelta()


def _lease_name(shard: int) -> str:
    return f"sweep#{shard:04d}"
