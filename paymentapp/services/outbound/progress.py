"""How far each webhook endpoint has followed the list of events, and since when it fails.

Kept apart from the endpoint's record, which people change: as an entry of the store's own.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from paymentapp.clock import maybe_text, maybe_time
from paymentapp.models.provider_state import update_state_entry
from paymentapp.models.webhook_endpoints import WebhookEndpoint
from paymentapp.storage.base import Store
from paymentapp.storage.codec.events import event_id_of, microseconds_of


class WebhookProgress(NamedTuple):
    """The id of the last event that was delivered, or recorded to be; since when attempts fail."""

    after: str
    failing_since: datetime | None = None

    @property
    def text(self) -> str:
        """Return the progress as stored."""
        return f"{self.after} {maybe_text(self.failing_since) or ''}"


def read_progress(store: Store, endpoint: WebhookEndpoint) -> WebhookProgress:
    """Return the progress of an endpoint: at first, the time at which it was registered."""
    entry = store.get_state_entry(_name(endpoint))
    return _read(entry.text) if entry else _start(endpoint)


def advance(
    store: Store, endpoint: WebhookEndpoint, after: str, failing_since: datetime | None
) -> None:
    """Store progress: never back behind what another process has reached."""

    def change(text: str) -> str:
        return WebhookProgress(max(after, _read(text).after), failing_since).text

    update_state_entry(store, _name(endpoint), _start(endpoint).text, change)


def forget_failures(store: Store, endpoint: WebhookEndpoint) -> None:
    """Count failures anew from now on."""
    advance(store, endpoint, _start(endpoint).after, None)


def _name(endpoint: WebhookEndpoint) -> str:
    return f"webhook#{endpoint.endpoint_id}"


def _start(endpoint: WebhookEndpoint) -> WebhookProgress:
    return WebhookProgress(event_id_of(f"{microseconds_of(endpoint.created_at):020}"))


def _read(text: str) -> WebhookProgress:
    after, _, since = text.partition(" ")
    return WebhookProgress(after, maybe_time(since))
