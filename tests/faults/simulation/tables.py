"""The stored records; every write is checked when it takes effect."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from random import Random
from typing import TypeVar

from paymentapp.models.batches import Batch, BatchState, Member
from paymentapp.models.customer_history import CustomerHistoryEntry
from paymentapp.models.customers import Customer
from paymentapp.models.events import Event, hold_event
from paymentapp.models.holds import Hold
from paymentapp.models.idempotency import IdempotencyRecord
from paymentapp.models.payments import FINAL, Payment, PaymentKey, Status
from paymentapp.models.provider_events import ProviderEvent
from paymentapp.models.provider_state import StateEntry
from paymentapp.models.webhook_endpoints import WebhookDelivery, WebhookEndpoint
from paymentapp.storage.base import Lease
from paymentapp.storage.changes import PaymentChange
from tests.faults.simulation.clock import Time
from tests.faults.simulation.findings import Findings
from tests.faults.simulation.index import Index
from tests.faults.simulation.legal_transitions import (
    batch_fault,
    customer_fault,
    history_fault,
)
from tests.faults.simulation.scheduler import MILLISECOND, MINUTE, SECOND
from tests.support.counters import Counters

Versioned = TypeVar(
    "Versioned",
    Payment,
    IdempotencyRecord,
    Batch,
    Customer,
    ProviderEvent,
    StateEntry,
    WebhookEndpoint,
    WebhookDelivery,
)
EventKey = tuple[str, str]  # provider, and its id of the event


class Tables:
    """Dictionaries of the newest versions, and the three indexes over them."""

    def __init__(
        self,
        time: Time,
        rng: Random,
        lagging: bool,
        findings: Findings,
        on_parked: Callable[[Batch], None],
        on_success: Callable[[Payment], None],
        on_new: Callable[[Payment], None],
        on_end: Callable[[Payment], None],
        on_change: Callable[[Payment | None, Payment], None],
        on_events: Callable[[Sequence[Event]], None],
    ) -> None:
        self.customers: dict[str, Customer] = {}
        self.payments: dict[PaymentKey, Payment] = {}
        self.counters = Counters()
        self.claims: dict[str, IdempotencyRecord] = {}
        self.batches: dict[str, Batch] = {}
        self.members: dict[str, list[Member]] = {}
        self.leases: dict[str, Lease] = {}
        self.events: dict[EventKey, ProviderEvent] = {}
        self.notes: dict[str, StateEntry] = {}
        self.begun: set[str] = set()  # batches of which a call may have had an effect
        self.holds: dict[str, Hold] = {}
        self.held_since: dict[str, int] = {}  # by target, while it is in force
        self.released: dict[str, Hold] = {}
        self.destinations: set[tuple[str, str, str]] = set()  # every one that ever was
        self.settled_at: dict[PaymentKey, int] = {}
        self._time = time
        self._findings = findings
        lag = lag_of(rng) if lagging else lambda: 0
        self.due: Index[PaymentKey, Payment] = Index(time.scheduler, lag)
        self.attention: Index[str, str] = Index(time.scheduler, lag)
        self.news: Index[EventKey, EventKey] = Index(time.scheduler, lag)
        self._on_parked = on_parked
        self._on_success = on_success
        self._on_new = on_new
        self._on_end = on_end
        self._on_change = on_change
        self._on_events = on_events

    def put_payment(self, new: Payment) -> None:
        """Store a version of a payment."""
        key = new.key
        old = self.payments.get(key)
        fault = history_fault(old, new)
        if fault:
            self._findings.fail("history", fault, key)
        if new.status in FINAL and (old is None or old.status not in FINAL):
            self.settled_at[key] = self._time.micros()
            if new.status is Status.SUCCEEDED:
                self._on_success(new)
        if old is None:
            self._on_new(new)
        self.payments[key] = new
        self._on_change(old, new)
        if new.status in FINAL and (old is None or old.status is not new.status):
            self._on_end(new)
        self.due.put(key, new.due_shard, new.due_at, new)

    def erase_members(self, batch_id: str, keys: Collection[PaymentKey]) -> bool:
        """Erase members of a batch; return whether that changed something."""
        old = self.members.get(batch_id, [])
        new = self.members[batch_id] = [each.erased() if each.key in keys else each for each in old]
        return new != old

    def put_batch(self, new: Batch) -> None:
        """Store a version of a batch record."""
        fault = batch_fault(self.batches.get(new.batch_id), new, new.batch_id in self.begun)
        if fault:
            members = self.members[new.batch_id]
            self._findings.fail("batch", f"{new.batch_id}: {fault}", members[0].key)
        if new.state is BatchState.PARKED:
            self._on_parked(new)
        self.batches[new.batch_id] = new
        self.attention.put(new.batch_id, new.attention_shard, new.attention_at, new.batch_id)

    def add_hold(self, hold: Hold) -> Hold:
        """Put a hold in force, unless its target has one."""
        self.held_since.setdefault(hold.target, self._time.micros())
        if hold.target not in self.holds and hold.hold_id not in self.released:
            self._on_events([hold_event(hold)])
        return self.holds.setdefault(hold.target, hold)

    def release_hold(self, old: Hold, released: Hold) -> bool:
        """End a hold; the writer's own release counts as made."""
        first = self.released.setdefault(old.hold_id, released)
        held = self.holds.get(old.target)
        if held is None or held.hold_id != old.hold_id:
            return first == released
        del self.holds[old.target], self.held_since[old.target]
        self._on_events([hold_event(first)])
        return True

    def change_payment(self, old: Payment, new: Payment) -> bool:
        """Compare and swap; the writer's own version counts as swapped."""
        stored = self.payments.get(old.key)
        if current(stored, old):
            self.counters.give_back(PaymentChange(old, new))
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

    def bind_key(
        self, new: IdempotencyRecord, replaces: IdempotencyRecord | None
    ) -> IdempotencyRecord | None:
        """Add a key's record, or compare and swap; return what is then stored for the key."""
        if replaces is None:
            return self.claims.setdefault(new.key_hash, new)
        if current(self.claims.get(new.key_hash), replaces):
            self.claims[new.key_hash] = new
        return self.claims.get(new.key_hash)

    def change_customer(
        self, old: Customer, new: Customer, history: Sequence[CustomerHistoryEntry]
    ) -> bool:
        """Compare and swap; the writer's own version counts as swapped."""
        stored = self.customers.get(old.customer_id)
        if current(stored, old):
            fault = customer_fault(old, new, history)
            if fault:
                self._findings.fail("customer", f"{old.customer_id}: {fault}", None)
            self.put_customer(new)
            return True
        return is_own(stored, new)

    def put_customer(self, new: Customer) -> None:
        """Store a version of a customer."""
        self.customers[new.customer_id] = new
        for method, known in new.methods.items():
            self.destinations.add((new.customer_id, method, known.destination))

    def add_provider_event(self, event: ProviderEvent) -> ProviderEvent:
        """Store an event, or return the one that has its id."""
        key = (event.provider, event.event_id)
        if key not in self.events:
            self._put_event(event)
        return self.events[key]

    def change_provider_event(self, old: ProviderEvent, new: ProviderEvent) -> bool:
        """Compare and swap; the writer's own version counts as swapped."""
        stored = self.events.get((old.provider, old.event_id))
        if current(stored, old):
            self._put_event(new)
            return True
        return is_own(stored, new)

    def _put_event(self, new: ProviderEvent) -> None:
        key = (new.provider, new.event_id)
        self.events[key] = new
        self.news.put(key, new.attention_shard, new.attention_at, key)

    def change_state_entry(self, old: StateEntry, new: StateEntry) -> bool:
        """Compare and swap; the writer's own version counts as swapped."""
        stored = self.notes.get(old.name)
        if current(stored, old):
            self.notes[old.name] = new
            return True
        return is_own(stored, new)

    def soonest(self) -> datetime | None:
        """Return when something is due, or was; None if nothing is left to do."""
        times = [index.soonest() for index in (self.due, self.attention, self.news)]
        return min((when for when in times if when), default=None)

    def drained(self) -> bool:
        """Return whether nothing is left to do, except parked batches."""
        return self.soonest() is None


def current(stored: Versioned | None, old: Versioned) -> bool:
    """Return whether nobody has written since the read: the condition of every change."""
    return stored is not None and stored.revision == old.revision


def is_own(stored: Versioned | None, new: Versioned) -> bool:
    """Return whether the change is stored already, by an attempt whose answer was lost."""
    return stored is not None and stored.revision == new.revision


def lag_of(rng: Random) -> Callable[[], int]:
    """Draw a delay: mostly milliseconds, sometimes seconds, rarely minutes."""

    def lag() -> int:
        chance = rng.random()
        if chance < 0.9:
            return int(rng.random() * 50 * MILLISECOND)
        return int(rng.random() * (10 * SECOND if chance < 0.99 else 3 * MINUTE))

    return lag
