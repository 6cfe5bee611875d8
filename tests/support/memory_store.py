"""A store in memory with the whole interface, for tests of other parts."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import TypeVar

from paymentapp.errors import PaymentAppError, StoreUnavailable
from paymentapp.models.account_payments import AccountPage, AccountQuery, ListPosition
from paymentapp.models.api_keys import ApiKey
from paymentapp.models.batches import Batch, BatchState, Member, parking_events
from paymentapp.models.customer_history import CustomerHistoryEntry
from paymentapp.models.customers import Customer, CustomerPage, CustomerQuery
from paymentapp.models.erasures import Erasure
from paymentapp.models.events import Event, EventPage, hold_event, payee_events
from paymentapp.models.holds import Hold
from paymentapp.models.idempotency import IdempotencyRecord
from paymentapp.models.limits import Charge
from paymentapp.models.payments import Payment, PaymentKey
from paymentapp.models.provider_events import ProviderEvent, ProviderEventState
from paymentapp.models.provider_state import StateEntry
from paymentapp.models.references import ReferenceClaim
from paymentapp.storage.accepting import AcceptRequest, Attempt, Decide, PaymentContext
from paymentapp.storage.account_reading import Candidate, Step, read_page
from paymentapp.storage.base import Lease, Page, PageQuery
from paymentapp.storage.changes import Acceptance, AcceptResult, PaymentChange, PaymentErasure
from paymentapp.supervision import ServiceThread
from tests.support.counters import Counters
from tests.support.event_list import EventList
from tests.support.memory_bulk import MemoryBulk
from tests.support.memory_console_sessions import MemoryConsoleSessions
from tests.support.memory_webhooks import MemoryWebhookEndpoints

Key = TypeVar("Key")
Versioned = TypeVar(
    "Versioned",
    Customer,
    CustomerHistoryEntry,
    Payment,
    IdempotencyRecord,
    Batch,
    ProviderEvent,
    StateEntry,
    ApiKey,
    Erasure,
)


class MemoryStore(MemoryWebhookEndpoints, MemoryBulk, MemoryConsoleSessions):
    """A store in dictionaries under one lock. `down` makes every call fail."""

    description = "memory"

    def __init__(self) -> None:
        MemoryWebhookEndpoints.__init__(self)
        MemoryBulk.__init__(self)
        MemoryConsoleSessions.__init__(self)
        self.down = False
        self.calls: list[str] = []
        self._lock = threading.RLock()
        self._customers: dict[str, Customer] = {}
        self._history: dict[str, dict[str, CustomerHistoryEntry]] = {}
        self._payments: dict[PaymentKey, Payment] = {}
        self.counters = Counters()
        self._claims: dict[str, IdempotencyRecord] = {}
        self._batches: dict[str, Batch] = {}
        self._members: dict[str, list[Member]] = {}
        self._events: dict[tuple[str, str], ProviderEvent] = {}
        self._notes: dict[str, StateEntry] = {}
        self._leases: dict[str, Lease] = {}
        self._holds: dict[str, Hold] = {}
        self._released: dict[str, Hold] = {}
        self._keys: dict[str, ApiKey] = {}
        self._erasures: dict[str, Erasure] = {}
        self._listed = EventList()

    def create_tables(self) -> list[str]:
        return []

    def ping(self) -> None:
        self._called("ping")

    def threads(self) -> Sequence[ServiceThread]:
        return []

    def close(self) -> None:
        pass

    def add_customer(
        self, customer: Customer, history: Sequence[CustomerHistoryEntry] = ()
    ) -> Customer:
        self._called("add_customer")
        with self._lock:
            stored = self._customers.setdefault(customer.customer_id, customer)
            if stored is customer:
                self._add_lines(history)
            return stored

    def get_customer(self, customer_id: str) -> Customer | None:
        self._called("get_customer")
        return self._customers.get(customer_id)

    def get_customers(self, customer_ids: Sequence[str]) -> dict[str, Customer]:
        self._called("get_customers")
        return {each: self._customers[each] for each in customer_ids if each in self._customers}

    def change_customer(
        self, old: Customer, new: Customer, history: Sequence[CustomerHistoryEntry] = ()
    ) -> bool:
        self._called("change_customer")
        with self._lock:
            changes = self._customers.get(old.customer_id) == old
            if changes:
                self._add_lines(history)
                self._listed.add(payee_events(history))
            return _change(self._customers, old.customer_id, old, new)

    def list_customers(self, query: CustomerQuery) -> CustomerPage:
        self._called("list_customers")
        with self._lock:
            known = sorted(self._customers.items())
        found = [
            customer
            for customer_id, customer in known
            if customer_id > (query.after or "") and query.email in (None, customer.email)
        ][: query.limit]
        is_full = len(found) == query.limit
        return CustomerPage(found, found[-1].customer_id if is_full else None)

    def _add_lines(self, history: Sequence[CustomerHistoryEntry]) -> None:
        for entry in history:
            self._history.setdefault(entry.customer_id, {})[entry.entry_id] = entry

    def customer_history(
        self, customer_id: str, limit: int, before: int | None = None
    ) -> list[CustomerHistoryEntry]:
        self._called("customer_history")
        with self._lock:
            lines = list(self._history.get(customer_id, {}).values())
        wanted = [line for line in lines if before is None or line.version < before]
        return sorted(wanted, key=lambda line: -line.version)[:limit]

    def change_history_entry(self, old: CustomerHistoryEntry, new: CustomerHistoryEntry) -> bool:
        self._called("change_history_entry")
        with self._lock:
            return _change(self._history.get(old.customer_id, {}), old.entry_id, old, new)

    def scan_customers(self) -> Iterator[Customer]:
        self._called("scan_customers")
        return iter(list(self._customers.values()))

    def accept(self, acceptance: Acceptance) -> AcceptResult:
        """Accept in two steps, as DynamoDB does, so that a test can come in between."""
        self._called("accept")
        payment, record = acceptance.payment, acceptance.record
        with self._lock:
            bound = record and self._claims.get(record.key_hash)
            if payment.key not in self._payments and bound in {None, acceptance.replaces, record}:
                self.counters.check(acceptance)
        if acceptance.binding is not None:
            bound = self._bind(acceptance.binding, acceptance.replaces)
            if bound is None or bound.revision != acceptance.binding.revision:
                return AcceptResult(None, bound)
        with self._lock:
            known = payment.key in self._payments
            stored = self._put_payment(payment)
            if not known and stored is payment:
                self._count(acceptance)
                self._listed.add(acceptance.events)
        return AcceptResult(stored, record)

    def _put_payment(self, payment: Payment) -> Payment:
        with self._lock:
            return self._payments.setdefault(payment.key, payment)

    def _count(self, acceptance: Acceptance) -> None:
        try:
            self.counters.count(acceptance)
        except PaymentAppError:
            del self._payments[acceptance.payment.key]
            raise

    def count_of(self, charges: Sequence[Charge]) -> list[dict[str, Decimal]]:
        self._called("count_of")
        with self._lock:
            return self.counters.of(charges)

    def reference_holder(self, claim: ReferenceClaim) -> PaymentKey | None:
        self._called("reference_holder")
        with self._lock:
            return self.counters.holders.get(claim.digest)

    def bind_key(
        self, record: IdempotencyRecord, replaces: IdempotencyRecord | None
    ) -> IdempotencyRecord | None:
        self._called("bind_key")
        return self._bind(record, replaces)

    def _bind(
        self, claim: IdempotencyRecord, replaces: IdempotencyRecord | None
    ) -> IdempotencyRecord | None:
        with self._lock:
            if replaces is None:
                return self._claims.setdefault(claim.key_hash, claim)
            _change(self._claims, claim.key_hash, replaces, claim)
            return self._claims.get(claim.key_hash)

    def get_payment(self, key: PaymentKey) -> Payment | None:
        self._called("get_payment")
        return self._payments.get(key)

    def get_payments(self, keys: Sequence[PaymentKey]) -> dict[PaymentKey, Payment]:
        self._called("get_payments")
        return {key: self._payments[key] for key in keys if key in self._payments}

    def change_payments(self, changes: Sequence[PaymentChange]) -> list[bool]:
        self._called("change_payments")
        with self._lock:
            return [self._change_payment(change) for change in changes]

    def _change_payment(self, change: PaymentChange) -> bool:
        old, new = change
        if self._payments.get(old.key) == old:
            self.counters.give_back(change)
            self._listed.add(change.events)
        return _change(self._payments, old.key, old, new)

    def list_payments(self, customer_id: str, query: PageQuery) -> Page:
        self._called("list_payments")
        with self._lock:
            ids = sorted((i for c, i in self._payments if c == customer_id), reverse=True)
        wanted = [i for i in ids if _within(i, query)][: query.limit]
        last_read = wanted[-1] if len(wanted) == query.limit else None
        payments = [self._payments[PaymentKey(customer_id, i)] for i in wanted]
        return Page([p for p in payments if query.status in (None, p.status)], last_read)

    def list_account_payments(self, query: AccountQuery) -> AccountPage:
        self._called("list_account_payments")
        return read_page(query, partial(self._account_step, query), exact=not query.filters)

    def index_payments(self) -> int:
        self._called("index_payments")
        return 0

    def _account_step(self, query: AccountQuery, before: ListPosition | None, count: int) -> Step:
        """Read payments of a range of time, newest first."""
        with self._lock:
            known = {ListPosition(p.payment_id, p.customer_id): p for p in self._payments.values()}
            batches = list(self._batches.values())
        batch_ids = {
            b.batch_id for b in batches if b.reference and b.reference == query.provider_id
        }
        earliest, latest = query.earliest or "", query.latest or "~"
        after = [
            (position, known[position])
            for position in sorted(known, reverse=True)
            if earliest <= position.payment_id <= latest and (not before or position < before)
        ]
        candidates = [
            Candidate(position, payment if query.matches(payment, batch_ids) else None)
            for position, payment in after[:count]
        ]
        return Step(candidates, is_last=len(after) <= count)

    def due_payments(self, shard: int, until: datetime, limit: int) -> list[Payment]:
        self._called("due_payments")
        with self._lock:
            due = [
                (payment.due_at, payment.payment_id, payment)
                for payment in self._payments.values()
                if payment.due_shard == shard and payment.due_at and payment.due_at <= until
            ]
        return [payment for _, _, payment in sorted(due, key=lambda item: item[:2])][:limit]

    def scan_payments(self, earliest: datetime, latest: datetime) -> Iterator[Payment]:
        self._called("scan_payments")
        return (p for p in list(self._payments.values()) if earliest <= p.created_at <= latest)

    def read_for_payment(self, customer_id: str, key_hashes: Sequence[str]) -> PaymentContext:
        self._called("read_for_payment")
        with self._lock:
            claims = {key: self._claims[key] for key in key_hashes if key in self._claims}
            return PaymentContext(self._customers.get(customer_id), claims)

    def accept_at_once(
        self,
        customer_id: str,
        key_hashes: Sequence[str],
        decide: Decide,  # noqa: ARG002  # it accepts in two steps
    ) -> Attempt:
        return Attempt(self.read_for_payment(customer_id, key_hashes))

    def accept_many(self, requests: Sequence[AcceptRequest]) -> list[Payment | None]:
        self._called("accept_many")
        return [self._accept_one_of(each) for each in requests]

    def _accept_one_of(self, request: AcceptRequest) -> Payment | None:
        try:
            acceptance = request.decide(
                self.read_for_payment(request.customer_id, request.key_hashes)
            )
            stored = self.accept(acceptance).payment if acceptance else None
        except StoreUnavailable:
            raise
        except PaymentAppError:
            return None
        own = acceptance is not None and stored is acceptance.payment
        return stored if own else None

    def list_events(self, after: str | None, limit: int) -> EventPage:
        self._called("list_events")
        with self._lock:
            return self._listed.page(after, limit)

    def get_event(self, event_id: str) -> Event | None:
        self._called("get_listed_event")
        with self._lock:
            return self._listed.get(event_id)

    def add_event(self, event: Event) -> None:
        self._called("add_event")
        with self._lock:
            self._listed.add([event])

    def publish_events(self, _now: datetime) -> None:
        self._called("publish_events")

    def delete_expired(self, _now: datetime) -> None:
        self._called("delete_expired")

    def add_batch(self, batch: Batch, members: Sequence[Member]) -> None:
        self._called("add_batch")
        with self._lock:
            self._members.setdefault(batch.batch_id, list(members))
            self._batches.setdefault(batch.batch_id, batch)

    def get_batch(self, batch_id: str) -> Batch | None:
        self._called("get_batch")
        return self._batches.get(batch_id)

    def get_members(self, batch: Batch) -> list[Member]:
        self._called("get_members")
        return list(self._members[batch.batch_id])

    def change_batch(self, old: Batch, new: Batch) -> bool:
        self._called("change_batch")
        with self._lock:
            if self._batches.get(old.batch_id) == old:
                self._listed.add(parking_events(old, new))
            return _change(self._batches, old.batch_id, old, new)

    def due_batches(self, shard: int, until: datetime, limit: int) -> list[Batch]:
        self._called("due_batches")
        with self._lock:
            due = [
                (batch.attention_at, batch.batch_id, batch)
                for batch in self._batches.values()
                if batch.attention_shard == shard
                and batch.attention_at
                and batch.attention_at <= until
                and batch.state is not BatchState.PARKED
            ]
        return [batch for _, _, batch in sorted(due, key=lambda item: item[:2])][:limit]

    def parked_batches(self) -> list[Batch]:
        self._called("parked_batches")
        with self._lock:
            return [b for b in self._batches.values() if b.state is BatchState.PARKED]

    def scan_batches(self, earliest: datetime, latest: datetime) -> Iterator[Batch]:
        self._called("scan_batches")
        return (b for b in list(self._batches.values()) if earliest <= b.created_at <= latest)

    def add_provider_event(self, event: ProviderEvent) -> ProviderEvent:
        self._called("add_event")
        with self._lock:
            return self._events.setdefault((event.provider, event.event_id), event)

    def change_provider_event(self, old: ProviderEvent, new: ProviderEvent) -> bool:
        self._called("change_event")
        with self._lock:
            return _change(self._events, (old.provider, old.event_id), old, new)

    def due_provider_events(self, shard: int, until: datetime, limit: int) -> list[ProviderEvent]:
        self._called("due_events")
        with self._lock:
            due = [
                (event.attention_at, event.event_id, event)
                for event in self._events.values()
                if event.attention_shard == shard
                and event.attention_at
                and event.attention_at <= until
            ]
        return [event for _, _, event in sorted(due, key=lambda item: item[:2])][:limit]

    def get_provider_event(self, provider: str, event_id: str) -> ProviderEvent | None:
        self._called("get_event")
        return self._events.get((provider, event_id))

    def events_set_aside(self, limit: int) -> list[ProviderEvent]:
        self._called("events_set_aside")
        with self._lock:
            aside = [e for e in self._events.values() if e.state is ProviderEventState.SET_ASIDE]
        return sorted(aside, key=lambda event: event.received_at)[:limit]

    def scan_provider_events(self, earliest: datetime, latest: datetime) -> Iterator[ProviderEvent]:
        self._called("scan_events")
        return (e for e in list(self._events.values()) if earliest <= e.received_at <= latest)

    def add_state_entry(self, note: StateEntry) -> StateEntry:
        self._called("add_note")
        with self._lock:
            return self._notes.setdefault(note.name, note)

    def get_state_entry(self, name: str) -> StateEntry | None:
        self._called("get_note")
        return self._notes.get(name)

    def change_state_entry(self, old: StateEntry, new: StateEntry) -> bool:
        self._called("change_note")
        with self._lock:
            return _change(self._notes, old.name, old, new)

    def hold_lease(self, wanted: Lease, now: datetime) -> Lease:
        self._called("hold_lease")
        with self._lock:
            held = self._leases.get(wanted.name)
            if held is None or held.until <= now or held.owner == wanted.owner:
                self._leases[wanted.name] = wanted
            return self._leases[wanted.name]

    def get_lease(self, name: str) -> Lease | None:
        self._called("get_lease")
        return self._leases.get(name)

    def add_hold(self, hold: Hold) -> Hold:
        self._called("add_hold")
        with self._lock:
            if hold.target not in self._holds:
                self._listed.add([hold_event(hold)])
            return self._holds.setdefault(hold.target, hold)

    def list_holds(self) -> list[Hold]:
        self._called("list_holds")
        with self._lock:
            return sorted(self._holds.values(), key=lambda hold: (hold.created_at, hold.hold_id))

    def release_hold(self, old: Hold, released: Hold) -> bool:
        self._called("release_hold")
        with self._lock:
            self._released.setdefault(old.hold_id, released)
            held = self._holds.get(old.target)
            if held is None or held.hold_id != old.hold_id:
                return False
            del self._holds[old.target]
            self._listed.add([hold_event(released)])
            return True

    def released_holds(self) -> list[Hold]:
        self._called("released_holds")
        return sorted(self._released.values(), key=lambda hold: (hold.created_at, hold.hold_id))

    def erase_customer(
        self,
        old: Customer,
        tombstone: Customer,
        history: Sequence[CustomerHistoryEntry],
        erasure: Erasure,
    ) -> bool:
        self._called("erase_customer")
        with self._lock:
            if self._customers.get(old.customer_id) == old:
                self._add_lines(history)
                self._erasures[erasure.customer_id] = erasure
            return _change(self._customers, old.customer_id, old, tombstone)

    def list_erasures(self) -> list[Erasure]:
        self._called("list_erasures")
        with self._lock:
            return sorted(self._erasures.values(), key=lambda each: each.next_at)

    def get_erasure(self, customer_id: str) -> Erasure | None:
        self._called("get_erasure")
        return self._erasures.get(customer_id)

    def change_erasure(self, old: Erasure, new: Erasure) -> bool:
        self._called("change_erasure")
        with self._lock:
            return _change(self._erasures, old.customer_id, old, new)

    def end_erasure(self, erasure: Erasure) -> None:
        self._called("end_erasure")
        with self._lock:
            if self._erasures.get(erasure.customer_id) == erasure:
                del self._erasures[erasure.customer_id]

    def erase_payments(self, erasures: Sequence[PaymentErasure]) -> list[bool]:
        self._called("erase_payments")
        with self._lock:
            return [self._change_payment(change) for change in erasures]

    def erase_members(self, batch: Batch, keys: Collection[PaymentKey]) -> bool:
        self._called("erase_members")
        with self._lock:
            old = self._members.get(batch.batch_id, [])
            new = [member.erased() if member.key in keys else member for member in old]
            self._members[batch.batch_id] = new
            return new != old

    def erase_hold(self, hold: Hold) -> None:
        self._called("erase_hold")
        with self._lock:
            for holds, key in ((self._holds, hold.target), (self._released, hold.hold_id)):
                stored = holds.get(key)
                if stored is not None and stored.hold_id == hold.hold_id:
                    holds[key] = stored.without_reason()

    def purge(self, *, everything: bool = False) -> bool:  # noqa: ARG002  # of the interface
        self._called("purge")
        return True

    def add_api_key(self, key: ApiKey) -> None:
        self._called("add_api_key")
        self._keys[key.key_id] = key

    def get_api_key(self, key_id: str) -> ApiKey | None:
        self._called("get_api_key")
        return self._keys.get(key_id)

    def list_api_keys(self) -> list[ApiKey]:
        self._called("list_api_keys")
        return sorted(self._keys.values(), key=lambda key: key.created_at)

    def change_api_key(self, old: ApiKey, new: ApiKey) -> bool:
        self._called("change_api_key")
        with self._lock:
            return _change(self._keys, old.key_id, old, new)

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if self.down:
            raise StoreUnavailable("memory://secret-host is down")


def _change(records: dict[Key, Versioned], key: Key, old: Versioned, new: Versioned) -> bool:
    """Replace a record if it is still `old`; a change that was made before counts as made."""
    stored = records.get(key)
    if stored is None or stored.revision not in {old.revision, new.revision}:
        return False
    records[key] = new
    return True


def _within(payment_id: str, query: PageQuery) -> bool:
    return (
        (query.earliest is None or query.earliest <= payment_id)
        and (query.latest is None or payment_id <= query.latest)
        and (query.before is None or payment_id < query.before)
    )
