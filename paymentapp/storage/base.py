"""What a store does: the one interface that every engine implements.

Every write is conditional on what the writer has read: `add_*` on the record's absence,
`change_*` on the revision that it replaces. A change whose answer was lost and that the engine
repeats is recognised by its own revision, and counts as done.

Every method may raise `StoreUnavailable`, and then whether a write took place is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol, Self

from paymentapp.models.api_keys import ApiKey
from paymentapp.models.batches import Batch, Member
from paymentapp.models.customers import Customer
from paymentapp.models.idempotency import IdempotencyRecord
from paymentapp.models.payments import Payment, PaymentKey, Status
from paymentapp.models.provider_events import ProviderEvent
from paymentapp.models.provider_state import StateEntry


class _Change(NamedTuple):
    old: Payment
    new: Payment


class PaymentChange(_Change):
    """Replace `old` by `new`, if `old` is still what is stored.

    Raises ValueError where that would lose a line of history or turn one payment into another:
    this is the only way to change a payment, so no store is ever asked to.
    """

    __slots__ = ()

    def __new__(cls, old: Payment, new: Payment) -> Self:
        if new.history[: len(old.history)] != old.history:
            raise ValueError("a payment's history only grows")
        if (new.key, new.money, new.email) != (old.key, old.money, old.email):
            raise ValueError("who is paid, and how much, does not change")
        way = (old.payment_method, old.destination)
        if (new.payment_method, new.destination) != way and new.status is not Status.PENDING:
            raise ValueError("a payment that may have left keeps its way")
        return super().__new__(cls, old, new)

    @classmethod
    def _make(cls, iterable: Iterable[Any]) -> Self:  # type: ignore[override]
        return cls(*iterable)  # tuple's own would pass the checks by


@dataclass(frozen=True, slots=True)
class PageQuery:
    """Which of a customer's payments to list, newest first.

    `earliest` and `latest` bound the payment id (its text form) on both sides, inclusively;
    `before` is the id to continue after. `limit` is how many records are read: with a status,
    fewer may match.
    """

    limit: int
    status: Status | None = None
    earliest: str | None = None
    latest: str | None = None
    before: str | None = None


class Page(NamedTuple):
    """A part of a listing; `last_read` is where the next part begins, None at the end."""

    payments: list[Payment]
    last_read: str | None


class Lease(NamedTuple):
    """Who does a piece of work for the time being. It saves effort; it never decides safety."""

    name: str
    owner: str
    until: datetime


class Store(Protocol):
    """Where customers, disbursements and the dispatcher's own records live."""

    description: str  # which store, for a person: no secret in it

    def create_tables(self) -> list[str]:
        """Make what is missing and name it; nothing where all is there."""

    def ping(self) -> None:
        """Return if the store answers and its tables are there."""

    def close(self) -> None:
        """Let go of connections and threads; what was answered is on disk."""

    def add_customer(self, customer: Customer) -> Customer:
        """Store a new customer. Returns what is stored under that id: maybe an older record."""

    def get_customer(self, customer_id: str) -> Customer | None: ...

    def change_customer(self, old: Customer, new: Customer) -> bool: ...

    def scan_customers(self) -> Iterator[Customer]:
        """Every customer, as `scan_payments`."""

    def add_payment(self, payment: Payment) -> Payment:
        """Store a new payment. Returns what is stored under its key: maybe another's payment,
        which its `request_id` tells."""

    def get_payment(self, key: PaymentKey) -> Payment | None:
        """The payment as of the last write that was answered (a consistent read)."""

    def get_payments(self, keys: Sequence[PaymentKey]) -> dict[PaymentKey, Payment]:
        """Many at once, consistently; those that do not exist are left out."""

    def change_payments(self, changes: Sequence[PaymentChange]) -> list[bool]:
        """Make each change whose `old` is still current; one answer a change, in order.

        The changes are independent of each other; a payment occurs once at most.
        """

    def list_payments(self, customer_id: str, query: PageQuery) -> Page:
        """A page of a customer's payments, newest first, consistently; reads no more than it."""

    def due_payments(self, shard: int, until: datetime, limit: int) -> list[Payment]:
        """Payments of a shard with `due_at` up to `until`, oldest first; may lag behind."""

    def scan_payments(self, earliest: datetime, latest: datetime) -> Iterator[Payment]:
        """Every payment requested between two moments, inclusively, in no order.

        It reads the whole table, a page at a time: for an operator's command, never for the API.
        A page is as of when it is read; what changes meanwhile is seen before or after."""

    def add_idempotency_record(self, claim: IdempotencyRecord) -> IdempotencyRecord:
        """Store a new claim. Returns what is stored under its hash: maybe an older claim."""

    def change_idempotency_record(self, old: IdempotencyRecord, new: IdempotencyRecord) -> bool: ...

    def add_batch(self, batch: Batch, members: Sequence[Member]) -> None:
        """Store a new batch with its candidates, members first, so that none lacks its list."""

    def get_batch(self, batch_id: str) -> Batch | None:
        """The batch, consistently."""

    def get_members(self, batch: Batch) -> list[Member]:
        """All candidates of a batch, in their order, also those that it excludes."""

    def change_batch(self, old: Batch, new: Batch) -> bool: ...

    def due_batches(self, shard: int, until: datetime, limit: int) -> list[Batch]:
        """Batches of a shard with `attention_at` up to `until`, longest overdue first.

        Which ones may lag behind; each is read consistently."""

    def parked_batches(self) -> list[Batch]:
        """Batches that wait for a person."""

    def scan_batches(self, earliest: datetime, latest: datetime) -> Iterator[Batch]:
        """Every batch made between two moments, inclusively, as `scan_payments`."""

    def add_provider_event(self, event: ProviderEvent) -> ProviderEvent:
        """Store a provider's event. Returns what is stored under its id: maybe an older record."""

    def change_provider_event(self, old: ProviderEvent, new: ProviderEvent) -> bool: ...

    def due_provider_events(self, shard: int, until: datetime, limit: int) -> list[ProviderEvent]:
        """Events of a shard with `attention_at` up to `until`, longest overdue first, as
        `due_batches`; the two never meet."""

    def get_provider_event(self, provider: str, event_id: str) -> ProviderEvent | None:
        """The event of a provider's own id, consistently."""

    def events_set_aside(self, limit: int) -> list[ProviderEvent]:
        """Events that wait for an operator, oldest first; which ones may lag behind.

        Those that version 0.2 or an earlier one has set aside are found by a scan alone."""

    def scan_provider_events(self, earliest: datetime, latest: datetime) -> Iterator[ProviderEvent]:
        """Every event received between two moments, inclusively, as `scan_payments`."""

    def add_state_entry(self, note: StateEntry) -> StateEntry:
        """Store a new note. Returns what is stored under its name: maybe an older note."""

    def get_state_entry(self, name: str) -> StateEntry | None:
        """The note, consistently."""

    def change_state_entry(self, old: StateEntry, new: StateEntry) -> bool: ...

    def hold_lease(self, wanted: Lease, now: datetime) -> Lease:
        """Take or renew a lease if it is free, expired by `now`, or the owner's own.

        Returns the lease as it stands then: somebody else's, where that one is still valid."""

    def get_lease(self, name: str) -> Lease | None: ...

    def add_api_key(self, key: ApiKey) -> None: ...

    def get_api_key(self, key_id: str) -> ApiKey | None: ...

    def list_api_keys(self) -> list[ApiKey]:
        """All keys, oldest first, revoked ones too."""

    def revoke_api_key(self, key_id: str, at: datetime) -> bool:
        """Mark a key as revoked. False where there is none; an earlier revocation stands."""
