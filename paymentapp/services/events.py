"""Events as they are shown: each with the record that it is about, as it was then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from paymentapp.errors import NotFound
from paymentapp.models.balances import FundsNotice
from paymentapp.models.bulk import BulkRun
from paymentapp.models.events import (
    FUNDS_EVENTS,
    OUTAGE_EVENTS,
    TEST_EVENT,
    Event,
    OtherEvent,
    PublishedEvent,
)
from paymentapp.models.holds import Hold
from paymentapp.models.outages import OutageNotice
from paymentapp.models.payments import UNSENT, Payment, PaymentKey, Status
from paymentapp.models.settled import NOT_SETTLED
from paymentapp.models.webhook_endpoints import EndpointStatus, WebhookEndpoint
from paymentapp.services.batch_notices import BatchNotice, batch_notice
from paymentapp.services.customer_history import CustomerHistory, ShownEntry
from paymentapp.services.payees import PayeeDisplays, ShownPayment
from paymentapp.storage.base import Store

READ_MAX = 1000  # events that one request reads, where it wants those of one type
_CHUNK = 100
_UNANSWERED = UNSENT | {Status.SUBMITTING}


Notice = BatchNotice | FundsNotice | OutageNotice
EventData = ShownPayment | ShownEntry | Hold | WebhookEndpoint | BulkRun | Notice | None


class ShownEvent(NamedTuple):
    """An event with what it is about.

    What is not on record any more is None. Of a customer who was erased nothing personal is in it.
    """

    event_id: str
    type: str
    timestamp: datetime
    data: EventData


class ShownEvents(NamedTuple):
    """Events, oldest first, and the id to continue after; None if there is none yet."""

    events: list[ShownEvent]
    last_read: str | None


@dataclass(frozen=True, slots=True)
class Events:
    """Lists events."""

    store: Store
    payees: PayeeDisplays
    history: CustomerHistory

    def page(self, after: str | None, limit: int, kind: str | None = None) -> ShownEvents:
        """Return events after an id, oldest first. Raises StoreUnavailable.

        With `kind` only those of one type: at most READ_MAX are read for them, so that fewer than
        `limit`, or none, may be found where more follow.
        """
        found: list[PublishedEvent] = []
        for _ in range(READ_MAX // _CHUNK):
            page = self.store.list_events(after, limit if kind is None else _CHUNK)
            if page.last_read is None:
                break
            after = page.last_read
            wanted = [each for each in page.events if kind in {None, each.event.type}]
            found += wanted[: limit - len(found)]
            if len(found) == limit:
                after = found[-1].event_id
            if kind is None or len(found) == limit:
                break
        return ShownEvents(self.shown(found), after)

    def get(self, event_id: str) -> ShownEvent:
        """Return an event. Raises NotFound."""
        event = self.store.get_event(event_id)
        if event is None:
            raise NotFound("There is no such event, or it is older than 35 days.")
        for shown in self.shown([PublishedEvent(event_id, event)]):
            return shown
        raise NotFound("There is no such event: what it is about did not happen.")

    def shown(self, published: Sequence[PublishedEvent]) -> list[ShownEvent]:
        """Return events with what they are about, each read once.

        Events of what did not happen are left out: DynamoDB may list one, where an entry was stored
        so late that it was never checked.
        """
        keys = dict.fromkeys(each.event.payment for each in published)
        payments = self.store.get_payments([key for key in keys if key is not None])
        about_holds = any(each.event.type.startswith("hold.") for each in published)
        holds = self._holds() if about_holds else {}
        return [
            ShownEvent(event_id, event.type, event.at, self._data(event, payments, holds))
            for event_id, event in published
            if self._has_happened(event, payments, holds)
        ]

    def _has_happened(
        self, event: Event, payments: Mapping[PaymentKey, Payment], holds: Mapping[str, Hold]
    ) -> bool:
        """Return whether what was read has the change; true of what is not read for it."""
        if event.payment is not None:
            return event.is_in(payments.get(event.payment))
        if event.type == OtherEvent.HOLD_PLACED:
            return event.subject[0] in holds
        if event.type == OtherEvent.HOLD_RELEASED:
            hold = holds.get(event.subject[0])
            return hold is not None and hold.released_at == event.at
        return True

    def _data(
        self, event: Event, payments: Mapping[PaymentKey, Payment], holds: Mapping[str, Hold]
    ) -> EventData:
        if event.payment is not None:
            payment = payments.get(event.payment)
            return self.payees.shown(as_of(payment, event.line)) if payment else None
        if event.type == OtherEvent.PAYEE_CHANGED:
            return self.history.line(event.subject[0], event.line)
        if event.type == OtherEvent.BATCH_PARKED:
            return batch_notice(self.store, event)
        if event.type == OtherEvent.BULK_COMPLETED:
            return self.store.get_bulk_run(event.subject[0])
        if event.type in FUNDS_EVENTS:
            return FundsNotice.of(event.subject)
        if event.type in OUTAGE_EVENTS:
            return OutageNotice.of(event.subject)
        if event.type in {OtherEvent.ENDPOINT_DISABLED, TEST_EVENT}:
            return self._endpoint(event)
        hold = holds.get(event.subject[0])
        if hold is not None and event.type == OtherEvent.HOLD_PLACED:
            return replace(hold, released_at=None, released_by="")
        return hold

    def _endpoint(self, event: Event) -> WebhookEndpoint | None:
        endpoint = self.store.get_webhook_endpoint(event.subject[0])
        if endpoint is not None and event.type == OtherEvent.ENDPOINT_DISABLED:
            return replace(endpoint, status=EndpointStatus.DISABLED)
        return endpoint

    def _holds(self) -> dict[str, Hold]:
        known = [*self.store.list_holds(), *self.store.released_holds()]
        return {hold.hold_id: hold for hold in known}


def as_of(payment: Payment, line: int) -> Payment:
    """Return a payment as it was after a line of its history, counted from 0.

    What is on record without the time at which it came, such as the provider's reason, is left out
    of every version but the last one.
    """
    history = payment.history[: line + 1]
    if history == payment.history:
        return payment
    status, last = history[-1].status, history[-1].at
    batches = [each.reference for each in history if each.status is Status.SUBMITTING]
    answered = status not in _UNANSWERED
    return replace(
        payment,
        status=status,
        history=history,
        batch_id=batches[-1] if batches and status not in UNSENT else None,
        provider_item_id=payment.provider_item_id if answered else None,
        transaction_id=payment.transaction_id if status is Status.SUCCEEDED else None,
        provider_status=None,
        reason=None,
        cancel_requested=False,
        retried_by=None,
        approvals=tuple(each for each in payment.approvals if each.at <= last),
        settled=payment.settled if payment.settled.line <= line else NOT_SETTLED,
    )
