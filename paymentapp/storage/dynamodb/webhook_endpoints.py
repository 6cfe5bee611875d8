"""Webhook endpoints and deliveries in the Operations table of the DynamoDB store."""

from __future__ import annotations

from datetime import datetime

from paymentapp.clock import to_text
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
from paymentapp.storage.dynamodb.attribute_values import to_item, to_record
from paymentapp.storage.dynamodb.events import DynamoDBEvents


class DynamoDBWebhookEndpoints(DynamoDBEvents):
    """Webhook endpoints, and deliveries to them."""

    def add_webhook_endpoint(self, endpoint: WebhookEndpoint) -> WebhookEndpoint:
        """Implement `Store.add_webhook_endpoint`."""
        record = endpoint_record(endpoint)
        older = self._add_operation(ENDPOINTS, endpoint.endpoint_id, record)
        return read_endpoint(older) if older else endpoint

    def get_webhook_endpoint(self, endpoint_id: str) -> WebhookEndpoint | None:
        """Implement `Store.get_webhook_endpoint`."""
        found = self._get(self._operations, {"pk": ENDPOINTS, "sk": endpoint_id})
        return read_endpoint(found) if found else None

    def list_webhook_endpoints(self) -> list[WebhookEndpoint]:
        """Implement `Store.list_webhook_endpoints`."""
        return endpoints_of(self._group(ENDPOINTS, ""))

    def change_webhook_endpoint(self, old: WebhookEndpoint, new: WebhookEndpoint) -> bool:
        """Implement `Store.change_webhook_endpoint`: an entry of its event first, if it has one."""
        self._announce(disabling_events(old, new))
        records = endpoint_record(old), endpoint_record(new)
        return self._change_operation(ENDPOINTS, new.endpoint_id, *records)

    def add_webhook_delivery(self, delivery: WebhookDelivery) -> WebhookDelivery:
        """Implement `Store.add_webhook_delivery`."""
        key = deliveries_key(delivery.endpoint_id), delivery.event_id
        older = self._add_operation(*key, delivery_record(delivery))
        return read_delivery(older) if older else delivery

    def get_webhook_delivery(self, endpoint_id: str, event_id: str) -> WebhookDelivery | None:
        """Implement `Store.get_webhook_delivery`."""
        key = {"pk": deliveries_key(endpoint_id), "sk": event_id}
        found = self._get(self._operations, key)
        return read_delivery(found) if found else None

    def change_webhook_delivery(self, old: WebhookDelivery, new: WebhookDelivery) -> bool:
        """Implement `Store.change_webhook_delivery`."""
        records = delivery_record(old), delivery_record(new)
        return self._change_operation(deliveries_key(new.endpoint_id), new.event_id, *records)

    def due_webhook_deliveries(
        self, endpoint_id: str, until: datetime, limit: int
    ) -> list[WebhookDelivery]:
        """Query the index, then read the deliveries that it names, 100 a request."""
        found = self._attention(deliveries_key(endpoint_id), to_text(until), limit)
        due = [
            (each.next_attempt_at, each.event_id, each)
            for each in map(read_delivery, found)
            if each.next_attempt_at is not None and each.next_attempt_at <= until
        ]
        return [each for _, _, each in sorted(due, key=lambda item: item[:2])]

    def list_webhook_deliveries(
        self, endpoint_id: str, limit: int, before: str | None = None
    ) -> DeliveryPage:
        """Implement `Store.list_webhook_deliveries`."""
        bounds = {":first": FIRST_DELIVERY, ":last": last_delivery(before)}
        start = {} if before is None else {"pk": deliveries_key(endpoint_id), "sk": before}
        found = self._query(
            limit,
            TableName=self._operations,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues=to_item({":pk": deliveries_key(endpoint_id), **bounds}),
            **({"ExclusiveStartKey": to_item(start)} if start else {}),
            ScanIndexForward=False,
            ConsistentRead=True,
        )
        return delivery_page([to_record(item) for item in found], limit)
