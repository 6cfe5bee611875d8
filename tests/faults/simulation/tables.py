"""What is stored, as any reader would find it now; every write is checked as it lands."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TypeVar

from paymentapp.models import (
    FINAL,
    Batch,
    Customer,
    KeyClaim,
    Member,
    Payment,
    PaymentKey,
)
from paymentapp.storage.base import Lease
from tests.faults.simulation.clock import Time
from tests.faults.simulation.index import Index
from tests.faults.simulation.scheduler import MILLISECOND, MINUTE, SECOND
from tests.faults.simulation.verdict import Verdict
from tests.faults.simulation.walks import batch_fault, history_fault

Versioned = TypeVar("Versioned", Payment, KeyClaim, Batch)


class Tables:
    """Dictionaries of the newest versions, and the two indexes over them."""

    def __init__(self, time: Time, rng: Random, lagging: bool, verdict: Verdict) -> None:
        self.customers: dict[str, Customer] = {}
        self.payments: dict[PaymentKey, Payment] = {}
        self.claims: dict[str, KeyClaim] = {}
        self.batches: dict[str, Batch] = {}
        self.members: dict[str, list[Member]] = {}
        self.leases: dict[str, Lease] = {}
        self.settled_at: dict[PaymentKey, int] = {}
        self._time = time
        self._verdict = verdict
        lag = _lag(rng) if lagging else lambda: 0
        self.due: Index[PaymentKey, Payment] = Index(time.scheduler, lag)
        self.attention: Index[str, str] = Index(time.scheduler, lag)

    def put_payment(self, new: Payment) -> None:
        """Store a version of a payment."""
        key = new.key
        old = self.payments.get(key)
        fault = history_fault(old, new)
        if fault:
            self._verdict.fail("history", fault, key)
        if new.status in FINAL and (old is None or old.status not in FINAL):
            self.settled_at[key] = self._time.micros()
        self.payments[key] = new
        self.due.put(key, new.due_shard, new.due_at, new)

    def put_batch(self, new: Batch) -> None:
        """Store a version of a batch's header."""
        fault = batch_fault(self.batches.get(new.batch_id), new)
        if fault:
            members = self.members[new.batch_id]
            self._verdict.fail("batch", f"{new.batch_id}: {fault}", members[0].key)
        self.batches[new.batch_id] = new
        self.attention.put(new.batch_id, new.attention_shard, new.attention_at, new.batch_id)

    def change_payment(self, old: Payment, new: Payment) -> bool:
        """Compare and swap; the writer's own version counts as swapped."""
        stored = self.payments.get(old.key)
        if current(stored, old):
            self.put_payment(new)
            return True
        return is_own(stored, new)

    def change_batch(self, old: Batch, new: Batch) -> bool:
        """Compare and swap; the writer's own version counts as swapped."""
        stored = self.batches.get(old.batch_id)
        if current(stored, old):
            self.put_batch(new)
            return True
        return is_own(stored, new)

    def change_claim(self, old: KeyClaim, new: KeyClaim) -> bool:
        """Compare and swap; the writer's own version counts as swapped."""
        stored = self.claims.get(old.key_hash)
        if current(stored, old):
            self.claims[old.key_hash] = new
            return True
        return is_own(stored, new)

    def drained(self) -> bool:
        """Whether nothing is left to do, parked batches apart."""
        return self.due.soonest() is None and self.attention.soonest() is None


def current(stored: Versioned | None, old: Versioned) -> bool:
    """The condition of every change: nobody has written since it was read."""
    return stored is not None and stored.revision == old.revision


def is_own(stored: Versioned | None, new: Versioned) -> bool:
    """Whether the change is there already, from a try whose answer was lost."""
    return stored is not None and stored.revision == new.revision


def _lag(rng: Random) -> Callable[[], int]:
    """Mostly milliseconds, at times seconds, seldom minutes."""

    def lag() -> int:
        chance = rng.random()
        if chance < 0.9:
            return int(rng.random() * 50 * MILLISECOND)
        return int(rng.random() * (10 * SECOND if chance < 0.99 else 3 * MINUTE))

    return lag
