"""Bugs of events and webhooks."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from paymentapp.models.events import Event, EventPage
from paymentapp.models.webhook_endpoints import EndpointChanges, EndpointStatus, WebhookEndpoint
from paymentapp.services.outbound.deliverer import Deliverer, RunAttempts, _Round
from paymentapp.services.outbound.endpoints import EndpointWithSecret, WebhookEndpoints
from paymentapp.services.outbound.messages import signed_headers
from paymentapp.services.outbound.progress import advance
from paymentapp.storage.changes import PaymentChange
from paymentapp.storage.codec.events import event_id_of, microseconds_of
from tests.faults.simulation.event_list import WorldEvents
from tests.faults.simulation.store import SimulatedStore
from tests.faults.simulation.trace import Subject


class EventAfterMove(SimulatedStore):
    """Writes the events of a change after the change: a crash between the two loses them."""

    def change_payments(self, changes: Sequence[PaymentChange]) -> list[bool]:
        made = super().change_payments(changes)
        events = [e for each, done in zip(changes, made, strict=True) if done for e in each.events]
        listed = self.world.webhooks.events
        if listed is None:
            return made
        if self.lagging:
            super()._announce(events)
        else:
            self._write("list", None, lambda: listed.list_now(events))
        return made

    def _announce(self, events: Sequence[Event], subject: Subject = None) -> None:
        if not all(event.type.startswith("payment.") and event.line for event in events):
            super()._announce(events, subject)


def listed_apart(events: WorldEvents, written: Sequence[Event]) -> None:
    """Record what has happened; list acceptances and what is no payment's with it, and no more."""
    for event in written:
        events.happened.setdefault(event, events.now())
    if not events.late:
        events.list_now([each for each in written if each.payment is None or not each.line])


class MovesFirst(Deliverer):
    """Moves the position before the answers: a crash between the two loses the events."""

    def _follow(
        self,
        endpoint: WebhookEndpoint,
        secrets: Sequence[str],
        after: str,
        page: EventPage,
        run: RunAttempts,
    ) -> _Round:
        if page.last_read is not None:
            advance(self.store, endpoint, page.last_read, None)
        return Deliverer._follow(self, endpoint, secrets, after, page, run)


class CountsAsDelivered(Deliverer):
    """Records nothing of a first attempt that failed."""

    def _record(self, *_: object) -> None:
        """Move on."""


class RotatesAtOnce(WebhookEndpoints):
    """Replaces a secret at once: the old one does not sign any more."""

    def _with_new_secret(self, endpoint: WebhookEndpoint, now: datetime) -> EndpointWithSecret:
        made = WebhookEndpoints._with_new_secret(self, endpoint, now)
        only = made.endpoint.changed(secrets=made.endpoint.secrets[:1])
        return EndpointWithSecret(only, made.secret)


class ForgetsItsPlace(WebhookEndpoints):
    """An endpoint that is enabled again goes on with what happens from then on."""

    def change(self, endpoint_id: str, changes: EndpointChanges) -> WebhookEndpoint:
        changed = WebhookEndpoints.change(self, endpoint_id, changes)
        if changes.get("status") is EndpointStatus.ENABLED:
            now = event_id_of(f"{microseconds_of(self.clock()):020}")
            advance(self.store, changed, now, None)
        return changed


class RetriesEarly(Deliverer):
    """Makes attempts a minute before they are due."""

    def _retry(self, endpoint: WebhookEndpoint, secrets: Sequence[str], run: RunAttempts) -> _Round:
        early = replace(self, clock=lambda: self.clock() + timedelta(minutes=1))
        return Deliverer._retry(early, endpoint, secrets, run)


def new_id_on_each_try(
    _event_id: str, now: datetime, body: str, signing: Sequence[str]
) -> dict[str, str]:
    """Sign each attempt under an id of its own."""
    return signed_headers(f"evt_{secrets.token_hex(8)}", now, body, signing)


def gives_up(_attempts: int) -> timedelta | None:
    """Make no further attempt."""
    return None


def anything_is_made(_events: WorldEvents, _event: Event) -> bool:
    """List what was announced, whether or not it was made."""
    return True
