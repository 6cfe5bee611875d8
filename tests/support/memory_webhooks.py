"""Webhook endpoints and deliveries of the store in memory."""

from __future__ import annotations

import threading
from abc import abstractmethod
from datetime import datetime

from paymentapp.models.webhook_endpoints import (
    DeliveryPage,
    EndpointStatus,
    WebhookDelivery,
    WebhookEndpoint,
    disabling_events,
)
from tests.support.event_list import EventList


class MemoryWebhookEndpoints:
    """The part of a store in memory that has webhook endpoints."""

    _lock: threading.RLock
    _listed: EventList

    def __init__(self) -> None:
        self._endpoints: dict[str, WebhookEndpoint] = {}
        self._deliveries: dict[tuple[str, str], WebhookDelivery] = {}

    @abstractmethod
    def _called(self, name: str) -> None: ...

    def add_webhook_endpoint(self, endpoint: WebhookEndpoint) -> WebhookEndpoint:
        self._called("add_webhook_endpoint")
        return self._endpoints.setdefault(endpoint.endpoint_id, endpoint)

    def get_webhook_endpoint(self, endpoint_id: str) -> WebhookEndpoint | None:
        self._called("get_webhook_endpoint")
        return self._endpoints.get(endpoint_id)

    def list_webhook_endpoints(self) -> list[WebhookEndpoint]:
        self._called("list_webhook_endpoints")
        found = sorted(self._endpoints.items())
        return [each for _, each in found if each.status is not EndpointStatus.DELETED]

    def change_webhook_endpoint(self, old: WebhookEndpoint, new: WebhookEndpoint) -> bool:
        self._called("change_webhook_endpoint")
        with self._lock:
            stored = self._endpoints.get(old.endpoint_id)
            if stored == old:
                self._endpoints[old.endpoint_id] = new
                self._listed.add(disabling_events(old, new))
            return stored in (old, new)

    def add_webhook_delivery(self, delivery: WebhookDelivery) -> WebhookDelivery:
        self._called("add_webhook_delivery")
        return self._deliveries.setdefault((delivery.endpoint_id, delivery.event_id), delivery)

    def get_webhook_delivery(self, endpoint_id: str, event_id: str) -> WebhookDelivery | None:
        self._called("get_webhook_delivery")
        return self._deliveries.get((endpoint_id, event_id))

    def change_webhook_delivery(self, old: WebhookDelivery, new: WebhookDelivery) -> bool:
        self._called("change_webhook_delivery")
        key = old.endpoint_id, old.event_id
        with self._lock:
            stored = self._deliveries.get(key)
            if stored == old:
                self._deliveries[key] = new
            return stored in (old, new)

    def due_webhook_deliveries(
        self, endpoint_id: str, until: datetime, limit: int
    ) -> list[WebhookDelivery]:
        self._called("due_webhook_deliveries")
        with self._lock:
            due = [
                (each.next_attempt_at, each.event_id, each)
                for each in self._deliveries.values()
                if each.endpoint_id == endpoint_id
                and each.next_attempt_at
                and each.next_attempt_at <= until
            ]
        return [each for _, _, each in sorted(due, key=lambda item: item[:2])][:limit]

    def list_webhook_deliveries(
        self, endpoint_id: str, limit: int, before: str | None = None
    ) -> DeliveryPage:
        self._called("list_webhook_deliveries")
        with self._lock:
            ids = sorted((e for i, e in self._deliveries if i == endpoint_id), reverse=True)
        wanted = [each for each in ids if before is None or each < before][:limit]
        found = [self._deliveries[endpoint_id, each] for each in wanted]
        return DeliveryPage(found, wanted[-1] if len(wanted) == limit else None)
