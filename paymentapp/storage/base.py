"""The store interface, which every engine implements.

Every write is conditional on what the writer has read: `add_*` on the record's absence,
`change_*` on the revision that it replaces. A change whose answer was lost, and that the engine
repeats, is recognised by its own revision and counts as made.

Every method may raise `StoreUnavailable`; whether a write took place is then unknown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple, Protocol

from paymentapp.models.account_payments import AccountPage, AccountQuery
from paymentapp.models.api_keys import ApiKey
from paymentapp.models.batches import Batch, Member
from paymentapp.models.customer_history import CustomerHistoryEntry
from paymentapp.models.customers import Customer, CustomerPage, CustomerQuery
from paymentapp.models.events import Event, EventPage
from paymentapp.models.holds import Hold
from paymentapp.models.limits import Charge
from paymentapp.models.payments import Payment, PaymentKey, Status
from paymentapp.models.provider_events import ProviderEvent
from paymentapp.models.provider_state import StateEntry
from paymentapp.models.references import ReferenceClaim
from paymentapp.models.webhook_endpoints import DeliveryPage, WebhookDelivery, WebhookEndpoint
from paymentapp.storage.accepting import AcceptingStore
from paymentapp.storage.bulk import BulkStore
from paymentapp.storage.changes import PaymentChange
from paymentapp.storage.console_sessions import ConsoleSessionStore
from paymentapp.storage.erasing import ErasingStore
from paymentapp.supervision import ServiceThread


@dataclass(frozen=True, slots=True)
class PageQuery:
    """Which of a customer's payments to list, newest first.

    `earliest` and `latest` are inclusive bounds of the payment id (a text); `before` is the id to
    continue after. `limit` is how many records are read: with a `status`, fewer may match.
    """

    limit: int
    status: Status | None = None
    earliest: str | None = None
    latest: str | None = None
    before: str | None = None


class Page(NamedTuple):
    """A page of a listing; `last_read` is the `before` of the next page, None at the end."""

    payments: list[Payment]
    last_read: str | None


class Lease(NamedTuple):
    """Which owner does a piece of work until a time. Safety never depends on it."""

    name: str
    owner: str
    until: datetime


class Store(AcceptingStore, ErasingStore, BulkStore, ConsoleSessionStore, Protocol):
    """Stores customers, disbursements and the dispatcher's own records."""

    @property
    def description(self) -> str:
        """The store as text for people, without a secret: which one it is."""

    def create_tables(self) -> list[str]:
        """Create the tables that are missing, and return their names."""

    def ping(self) -> None:
        """Return if the store answers and its tables exist; else raise StoreUnavailable."""

    def threads(self) -> Sequence[ServiceThread]:
        """Return the threads of this process that the store needs."""

    def close(self) -> None:
        """Release connections and threads; every write that was answered is on disk."""

    def add_customer(
        self, customer: Customer, history: Sequence[CustomerHistoryEntry] = ()
    ) -> Customer:
        """Store a new customer; return what is stored under its id, possibly an older record.

        The lines of history are stored in the same transaction: with the customer, or not at all.
        """

    def get_customer(self, customer_id: str) -> Customer | None:
        """Return the customer, by a consistent read; None where there is none."""

    def get_customers(self, customer_ids: Sequence[str]) -> dict[str, Customer]:
        """Return many customers by their ids, by consistent reads; missing ones are left out."""

    def change_customer(
        self, old: Customer, new: Customer, history: Sequence[CustomerHistoryEntry] = ()
    ) -> bool:
        """Replace `old` by `new`; return whether `old` was still stored.

        The lines of history are stored in the same transaction: with the change, or not at all.
        """

    def list_customers(self, query: CustomerQuery) -> CustomerPage:
        """Return a page of customers, in an order that is the same in each listing.

        By a consistent read; with an e-mail address in the order of their ids, and without those
        who were registered or changed a moment ago, where the engine's index is behind.
        """

    def customer_history(
        self, customer_id: str, limit: int, before: int | None = None
    ) -> list[CustomerHistoryEntry]:
        """Return lines of a customer's history, newest first, by a consistent read.

        `before` is the version to continue after.
        """

    def change_history_entry(self, old: CustomerHistoryEntry, new: CustomerHistoryEntry) -> bool:
        """Replace `old` by `new`; return whether `old` was still stored."""

    def scan_customers(self) -> Iterator[Customer]:
        """Yield every customer, as `scan_payments` does."""

    def reference_holder(self, claim: ReferenceClaim) -> PaymentKey | None:
        """Return the payment that has a reference, by a consistent read; None where none has."""

    def count_of(self, charges: Sequence[Charge]) -> list[dict[str, Decimal]]:
        """Return what is counted in the counter of each charge, by slot, by consistent reads."""

    def get_payment(self, key: PaymentKey) -> Payment | None:
        """Return the payment, by a consistent read; None where there is none."""

    def get_payments(self, keys: Sequence[PaymentKey]) -> dict[PaymentKey, Payment]:
        """Return many payments by their keys, by consistent reads; missing ones are left out."""

    def change_payments(self, changes: Sequence[PaymentChange]) -> list[bool]:
        """Make each change whose `old` is still stored; return one result per change, in order.

        The changes are independent of each other; each payment occurs at most once. What a
        payment no longer counts against is given back by the write that makes its change.
        """

    def list_payments(self, customer_id: str, query: PageQuery) -> Page:
        """Return a page of a customer's payments, newest first, by a consistent read."""

    def list_account_payments(self, query: AccountQuery) -> AccountPage:
        """Return a page of the account's payments, newest first.

        By consistent reads: a payment that was accepted before the call is in the list. Payments
        of one microsecond are in an order of the engine's, the same in each listing. Where the
        engine has an index of a filter, it reads what it returns; else a bounded number of records
        (`account_reading`), so that a page may be short, or empty, and still have a next one.
        """

    def index_payments(self) -> int:
        """Put payments that an earlier version has accepted in the account's list.

        Return how many were missing. Reads the whole table: for an operator's command, once.
        """

    def due_payments(self, shard: int, until: datetime, limit: int) -> list[Payment]:
        """Return payments of a shard with `due_at` up to `until`, oldest first; may be stale."""

    def scan_payments(self, earliest: datetime, latest: datetime) -> Iterator[Payment]:
        """Yield every payment requested between two times, inclusive, in no order.

        Reads the whole table, a page at a time: for operators' commands, never for the API. Each
        page is consistent as of its own read.
        """

    def add_batch(self, batch: Batch, members: Sequence[Member]) -> None:
        """Store a new batch with its candidates, the candidates first.

        So a batch that can be read always has its complete list. Raises Conflict where another
        batch has the same id.
        """

    def get_batch(self, batch_id: str) -> Batch | None:
        """Return the batch, by a consistent read; None where there is none."""

    def get_members(self, batch: Batch) -> list[Member]:
        """Return all candidates of a batch in their order, including the excluded ones."""

    def change_batch(self, old: Batch, new: Batch) -> bool:
        """Replace `old` by `new`; return whether `old` was still stored."""

    def due_batches(self, shard: int, until: datetime, limit: int) -> list[Batch]:
        """Return batches of a shard with `attention_at` up to `until`, oldest first.

        The selection may be stale; each batch in it is read consistently.
        """

    def parked_batches(self) -> list[Batch]:
        """Return the batches that wait for an operator."""

    def scan_batches(self, earliest: datetime, latest: datetime) -> Iterator[Batch]:
        """Yield every batch created between two times, inclusive, as `scan_payments` does."""

    def list_events(self, after: str | None, limit: int) -> EventPage:
        """Return up to `limit` events after an id, oldest first; from the first one for None.

        Every write that adds a line to a payment's history, changes who is paid, parks a batch, or
        places or releases a hold, makes its events part of this list, whatever crashes. An event
        never appears before one that was listed earlier. One may appear twice, under two ids, where
        its write was repeated. None appears for what was not written, but for an entry of DynamoDB
        that was stored too late to be checked: whoever shows events compares them with records.
        """

    def get_event(self, event_id: str) -> Event | None:
        """Return an event that was listed; None where there is none, or it has expired."""

    def add_event(self, event: Event) -> None:
        """List an event that is about no record; where the call is repeated, it may be twice."""

    def publish_events(self, now: datetime) -> None:
        """List the events of writes that ended some time ago, where the engine lists them late."""

    def delete_expired(self, now: datetime) -> None:
        """Delete some of the records that have expired, where the engine does not do it itself."""

    def add_provider_event(self, event: ProviderEvent) -> ProviderEvent:
        """Store an event; return what is stored under its id, possibly an older record."""

    def change_provider_event(self, old: ProviderEvent, new: ProviderEvent) -> bool:
        """Replace `old` by `new`; return whether `old` was still stored."""

    def due_provider_events(self, shard: int, until: datetime, limit: int) -> list[ProviderEvent]:
        """Return events of a shard with `attention_at` up to `until`, oldest first.

        As `due_batches`, which never returns an event, nor this a batch.
        """

    def get_provider_event(self, provider: str, event_id: str) -> ProviderEvent | None:
        """Return the event with a provider's own id, read consistently; None if there is none."""

    def events_set_aside(self, limit: int) -> list[ProviderEvent]:
        """Return events that wait for an operator, oldest first; the selection may be stale.

        Those that version 0.2 or an earlier one has set aside are found by a scan alone.
        """

    def scan_provider_events(self, earliest: datetime, latest: datetime) -> Iterator[ProviderEvent]:
        """Yield every event received between two times, inclusive, as `scan_payments` does."""

    def add_state_entry(self, entry: StateEntry) -> StateEntry:
        """Store a new entry; return what is stored under its name, possibly an older one."""

    def get_state_entry(self, name: str) -> StateEntry | None:
        """Return the entry, by a consistent read; None where there is none."""

    def change_state_entry(self, old: StateEntry, new: StateEntry) -> bool:
        """Replace `old` by `new`; return whether `old` was still stored."""

    def hold_lease(self, wanted: Lease, now: datetime) -> Lease:
        """Take or renew a lease if it is free, expired by `now`, or held by the same owner.

        Returns the lease as it then stands: another owner's, where that one is still valid.
        """

    def get_lease(self, name: str) -> Lease | None:
        """Return the lease, expired or not; None where it was never held."""

    def add_hold(self, hold: Hold) -> Hold:
        """Put a hold in force; return the one that is in force for its target, possibly older."""

    def list_holds(self) -> list[Hold]:
        """Return the holds in force, oldest first, by a consistent read."""

    def release_hold(self, old: Hold, released: Hold) -> bool:
        """Keep `released` on record, and end `old`; return whether this call has released it.

        The record comes first: after a failure between the two, the hold is still in force, and
        the first record of its release stays.
        """

    def released_holds(self) -> list[Hold]:
        """Return the holds that were released, oldest first."""

    def add_api_key(self, key: ApiKey) -> None:
        """Store a new API key. Raises Conflict where another key has the same id."""

    def get_api_key(self, key_id: str) -> ApiKey | None:
        """Return the API key, revoked or not; None where there is none."""

    def list_api_keys(self) -> list[ApiKey]:
        """Return all API keys, oldest first, including revoked ones."""

    def change_api_key(self, old: ApiKey, new: ApiKey) -> bool:
        """Replace `old` by `new`; return whether `old` was still stored."""

    def add_webhook_endpoint(self, endpoint: WebhookEndpoint) -> WebhookEndpoint:
        """Store a new endpoint; return what is stored under its id, possibly an older record."""

    def get_webhook_endpoint(self, endpoint_id: str) -> WebhookEndpoint | None:
        """Return the endpoint, deleted or not, by a consistent read; None where there is none."""

    def list_webhook_endpoints(self) -> list[WebhookEndpoint]:
        """Return the endpoints that are not deleted, oldest first, by a consistent read."""

    def change_webhook_endpoint(self, old: WebhookEndpoint, new: WebhookEndpoint) -> bool:
        """Replace `old` by `new`; return whether `old` was still stored.

        Where the service has disabled it, its event is part of the list, as with a payment's line.
        """

    def add_webhook_delivery(self, delivery: WebhookDelivery) -> WebhookDelivery:
        """Store a new delivery; return what is stored under its id, possibly an older record."""

    def get_webhook_delivery(self, endpoint_id: str, event_id: str) -> WebhookDelivery | None:
        """Return the delivery of an event, by a consistent read; None where there is none."""

    def change_webhook_delivery(self, old: WebhookDelivery, new: WebhookDelivery) -> bool:
        """Replace `old` by `new`; return whether `old` was still stored."""

    def due_webhook_deliveries(
        self, endpoint_id: str, until: datetime, limit: int
    ) -> list[WebhookDelivery]:
        """Return deliveries with `next_attempt_at` up to `until`, oldest first.

        The selection may be stale; each delivery in it is read consistently.
        """

    def list_webhook_deliveries(
        self, endpoint_id: str, limit: int, before: str | None = None
    ) -> DeliveryPage:
        """Return deliveries before an event's, newest event first, by a consistent read."""
