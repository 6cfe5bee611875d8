"""Events: what has happened to payments, customers, holds and accounts, for programs to follow.

An event names the record that it is about and holds none of its content, so that nothing of a
person is in it: what it shows is read from the record.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from paymentapp.models.customer_history import CustomerAction, CustomerHistoryEntry
from paymentapp.models.holds import Hold
from paymentapp.models.payments import Payment, PaymentKey, Status, Transition

KEPT = timedelta(days=35)
EVENT_ID_PATTERN = r"^evt_[0-9]{20}([0-9a-f]{6}[0-9]{3})?$"


class OtherEvent(StrEnum):
    """The types of the events that are not a payment's."""

    PAYEE_CHANGED = "customer.payee_changed"
    HOLD_PLACED = "hold.placed"
    HOLD_RELEASED = "hold.released"
    BATCH_PARKED = "batch.parked"
    PROVIDER_UNFUNDED = "provider.unfunded"
    PROVIDER_FUNDED = "provider.funded"
    PROVIDER_FAILING = "provider.failing"
    PROVIDER_RECOVERED = "provider.recovered"
    ENDPOINT_DISABLED = "webhook_endpoint.disabled"
    BULK_COMPLETED = "bulk.completed"


PAYMENT_EVENTS = tuple(f"payment.{status}" for status in Status)
EVENT_TYPES = (*PAYMENT_EVENTS, *OtherEvent)
# About no record: what they say is their subject.
FUNDS_EVENTS = frozenset({OtherEvent.PROVIDER_UNFUNDED, OtherEvent.PROVIDER_FUNDED})
OUTAGE_EVENTS = frozenset({OtherEvent.PROVIDER_FAILING, OtherEvent.PROVIDER_RECOVERED})
TEST_EVENT = "webhook_endpoint.test"  # sent to an endpoint on request, and in no list
_PAYEE_CHANGES = frozenset(
    {
        CustomerAction.METHOD_PUT,
        CustomerAction.METHOD_DELETED,
        CustomerAction.METHOD_CORRECTED,
        CustomerAction.DEFAULT_CHANGED,
        CustomerAction.EMAIL_CHANGED,
    }
)


class Event(NamedTuple):
    """One event: its type and time, and the line of a history that it is about.

    `subject` is the key of a payment, the id of a customer with that of the line, the id of a hold
    with its target, that of a webhook endpoint, that of a batch with why it was parked, or what is
    said of an account (`models.balances`) or of a provider's outage (`models.outages`).
    `line` counts the lines of a payment, or how often the service has disabled an endpoint, from 0,
    and is the version of a customer's line.
    """

    type: str
    at: datetime
    subject: tuple[str, ...]
    line: int = 0

    def is_in(self, payment: Payment | None) -> bool:
        """Return whether a stored payment has the line that the event is about."""
        history = payment.history if payment else ()
        return self.line < len(history) and _event(history[self.line]) == (self.type, self.at)

    @property
    def payment(self) -> PaymentKey | None:
        """Return the key of the payment that the event is about; None where it is about none."""
        return PaymentKey(*self.subject) if self.type.startswith("payment.") else None


class PublishedEvent(NamedTuple):
    """An event that can be listed; ids sort in the order of the list."""

    event_id: str
    event: Event


class EventPage(NamedTuple):
    """Events, oldest first. `last_read` is the id to continue after; None if nothing was read."""

    events: list[PublishedEvent]
    last_read: str | None


def events_of(old: Payment | None, new: Payment) -> list[Event]:
    """Return the events of a change of a payment: one for each new line of its history."""
    known = len(old.history) if old else 0
    return [
        Event(*_event(line), new.key, number)
        for number, line in enumerate(new.history[known:], start=known)
    ]


def payee_events(entries: Sequence[CustomerHistoryEntry]) -> list[Event]:
    """Return the events of a change's lines of history: those that change who is paid.

    Lines of what was on record before the history began have earlier times, and no events.
    """
    return [
        Event(OtherEvent.PAYEE_CHANGED, each.at, (each.customer_id, each.entry_id), each.version)
        for each in entries
        if each.action in _PAYEE_CHANGES and each.at == entries[-1].at
    ]


def hold_event(hold: Hold) -> Event:
    """Return the event of a hold that was placed, or released."""
    if hold.released_at is not None:
        return Event(OtherEvent.HOLD_RELEASED, hold.released_at, (hold.hold_id, hold.target))
    return Event(OtherEvent.HOLD_PLACED, hold.created_at, (hold.hold_id, hold.target))


def _event(line: Transition) -> tuple[str, datetime]:
    return f"payment.{line.status}", line.at
