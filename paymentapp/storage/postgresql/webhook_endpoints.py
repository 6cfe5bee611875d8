"""Webhook endpoints and deliveries in the PostgreSQL store."""

from __future__ import annotations

from datetime import datetime

from paymentapp.models.webhook_endpoints import (
    DeliveryPage,
    WebhookDelivery,
    WebhookEndpoint,
    disabling_events,
)
from paymentapp.storage.codec.webhook_endpoints import (
    ENDPOINTS,
    FIRST_DELIVERY,
    deliveries_key,
    delivery_page,
    delivery_record,
    endpoint_record,
    endpoints_of,
    last_delivery,
    read_delivery,
    read_endpoint,
)
from paymentapp.storage.postgresql import sql
from paymentapp.storage.postgresql.records import PostgreSQLRecords


class PostgreSQLWebhookEndpoints(PostgreSQLRecords):
    """Webhook endpoints, and deliveries to them."""

    def add_webhook_endpoint(self, endpoint: WebhookEndpoint) -> WebhookEndpoint:
        """Implement `Store.add_webhook_endpoint`."""
        older = self._add(ENDPOINTS, endpoint.endpoint_id, endpoint_record(endpoint))
        return read_endpoint(older) if older else endpoint

    def get_webhook_endpoint(self, endpoint_id: str) -> WebhookEndpoint | None:
        """Implement `Store.get_webhook_endpoint`."""
        found = self._get(ENDPOINTS, endpoint_id)
        return read_endpoint(found) if found else None

    def list_webhook_endpoints(self) -> list[WebhookEndpoint]:
        """Implement `Store.list_webhook_endpoints`."""
        return endpoints_of(self._group(ENDPOINTS))

    def change_webhook_endpoint(self, old: WebhookEndpoint, new: WebhookEndpoint) -> bool:
        """Implement `Store.change_webhook_endpoint`."""
        records = endpoint_record(old), endpoint_record(new)
        return self._change(ENDPOINTS, new.endpoint_id, *records, disabling_events(old, new))

    def add_webhook_delivery(self, delivery: WebhookDelivery) -> WebhookDelivery:
        """Implement `Store.add_webhook_delivery`."""
        key = deliveries_key(delivery.endpoint_id), delivery.event_id
        older = self._add(*key, delivery_record(delivery))
        return read_delivery(older) if older else delivery

    def get_webhook_delivery(self, endpoint_id: str, event_id: str) -> WebhookDelivery | None:
        """Implement `Store.get_webhook_delivery`."""
        found = self._get(deliveries_key(endpoint_id), event_id)
        return read_delivery(found) if found else None

    def change_webhook_delivery(self, old: WebhookDelivery, new: WebhookDelivery) -> bool:
        """Implement `Store.change_webhook_delivery`."""
        records = delivery_record(old), delivery_record(new)
        return self._change(deliveries_key(new.endpoint_id), new.event_id, *records)

    def due_webhook_deliveries(
        self, endpoint_id: str, until: datetime, limit: int
    ) -> list[WebhookDelivery]:
        """Implement `Store.due_webhook_deliveries`."""
        found = self._attention(deliveries_key(endpoint_id), until, limit)
        return [read_delivery(record) for record in found]

    def list_webhook_deliveries(
        self, endpoint_id: str, limit: int, before: str | None = None
    ) -> DeliveryPage:
        """Implement `Store.list_webhook_deliveries`."""
        bounds = FIRST_DELIVERY, last_delivery(before)
        found = self._records(sql.RECORDS_BEFORE, deliveries_key(endpoint_id), *bounds, limit)
        return delivery_page(found, limit)
