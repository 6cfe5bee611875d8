"""Have an event sent once more, to a webhook endpoint or the topic."""

from __future__ import annotations

from datetime import datetime

from paymentapp.errors import NotFound, StoreUnavailable
from paymentapp.models.events import Event
from paymentapp.models.revisions import new_revision
from paymentapp.models.webhook_endpoints import WebhookDelivery
from paymentapp.storage.base import Store
from paymentapp.storage.contention import MAX_TRIES, tries


def redeliver(store: Store, endpoint_id: str, event_id: str, now: datetime) -> WebhookDelivery:
    """Make the delivery of an event due, whether or not it was delivered. Raises NotFound."""
    for _ in tries():
        stored = store.get_webhook_delivery(endpoint_id, event_id)
        if stored is None:
            return _redeliver_listed(store, endpoint_id, event_id, now)
        due = stored.due(now)
        if store.change_webhook_delivery(stored, due):
            return due
    raise StoreUnavailable(f"a delivery was changed {MAX_TRIES} times meanwhile")


def _redeliver_listed(
    store: Store, endpoint_id: str, event_id: str, now: datetime
) -> WebhookDelivery:
    event = store.get_event(event_id)
    if event is None:
        raise NotFound("There is no such event, or it is older than 35 days.")
    return store.add_webhook_delivery(due_delivery(endpoint_id, event_id, event, now))


def due_delivery(endpoint_id: str, event_id: str, event: Event, now: datetime) -> WebhookDelivery:
    """Return a new delivery that is due at once."""
    return WebhookDelivery(
        endpoint_id, event_id, event, now, next_attempt_at=now, revision=new_revision()
    )
