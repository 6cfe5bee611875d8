"""Webhook endpoints and deliveries as records of the Operations table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from paymentapp.clock import from_text, maybe_text, maybe_time, to_text
from paymentapp.models.events import KEPT
from paymentapp.models.webhook_endpoints import (
    DeliveryPage,
    DeliveryStatus,
    EndpointStatus,
    SigningSecret,
    WebhookDelivery,
    WebhookEndpoint,
)
from paymentapp.storage.codec.events import event_texts, read_event
from paymentapp.storage.codec.records import Record, reads, without_none

ENDPOINTS = "webhook-endpoint"  # the partition of all endpoints, by their ids
FIRST_DELIVERY = "evt_"


def deliveries_key(endpoint_id: str) -> str:
    """Return the partition key of an endpoint's deliveries, and their shard in the index."""
    return f"webhook#{endpoint_id}"


def last_delivery(before: str | None) -> str:
    """Return the last sort key, without itself, of the deliveries before an event's."""
    return f"{FIRST_DELIVERY}~" if before is None else before


def endpoint_record(endpoint: WebhookEndpoint) -> Record:
    """Return an endpoint as a record; that of a deleted one expires when its last event does."""
    deleted = endpoint.status is EndpointStatus.DELETED
    last = max([endpoint.created_at, *endpoint.disablings])
    return without_none(
        {
            "endpoint_id": endpoint.endpoint_id,
            "url": endpoint.url,
            "event_types": list(endpoint.event_types) or None,
            "description": endpoint.description or None,
            "status": endpoint.status.value,
            "secrets": [_secret_text(secret) for secret in endpoint.secrets] or None,
            "created_at": to_text(endpoint.created_at),
            "created_by": endpoint.created_by,
            "disabled_reason": endpoint.disabled_reason or None,
            "disablings": list(map(to_text, endpoint.disablings)) or None,
            "expires_at": int((last + KEPT).timestamp()) if deleted else None,
            "revision": endpoint.revision or None,
        }
    )


@reads
def read_endpoint(record: Record) -> WebhookEndpoint:
    """Return the endpoint of a record."""
    return WebhookEndpoint(
        endpoint_id=record["endpoint_id"],
        url=record["url"],
        event_types=tuple(record.get("event_types", ())),
        description=record.get("description", ""),
        created_at=from_text(record["created_at"]),
        created_by=record["created_by"],
        secrets=tuple(map(_read_secret, record.get("secrets", ()))),
        status=EndpointStatus(record["status"]),
        disabled_reason=record.get("disabled_reason", ""),
        disablings=tuple(map(from_text, record.get("disablings", ()))),
        revision=record.get("revision", ""),
    )


def endpoints_of(records: Iterable[Record]) -> list[WebhookEndpoint]:
    """Return the endpoints of records, oldest first, without deleted ones."""
    found = map(read_endpoint, records)
    return [each for each in found if each.status is not EndpointStatus.DELETED]


def _secret_text(secret: SigningSecret) -> str:
    expires = maybe_text(secret.expires_at) or "-"
    return f"{to_text(secret.created_at)} {expires} {secret.sealed}"


def _read_secret(text: str) -> SigningSecret:
    created, expires, sealed = text.split(" ")
    return SigningSecret(sealed, from_text(created), maybe_time(expires.strip("-")))


def delivery_record(delivery: WebhookDelivery) -> Record:
    """Return a delivery as a record, in the `attention` index while an attempt is to come."""
    return without_none(
        {
            "endpoint_id": delivery.endpoint_id,
            "event_id": delivery.event_id,
            "event": event_texts(delivery.event),
            "status": delivery.status.value,
            "attempts": delivery.attempts,
            "created_at": to_text(delivery.created_at),
            "attention_shard": deliveries_key(delivery.endpoint_id),
            "attention_at": maybe_text(delivery.next_attempt_at),
            "last_attempt_at": maybe_text(delivery.last_attempt_at),
            "last_status_code": delivery.last_status_code,
            "last_error": delivery.last_error or None,
            "expires_at": int(delivery.expires_at.timestamp()),
            "revision": delivery.revision or None,
        }
    )


@reads
def read_delivery(record: Record) -> WebhookDelivery:
    """Return the delivery of a record."""
    status_code = record.get("last_status_code")
    return WebhookDelivery(
        endpoint_id=record["endpoint_id"],
        event_id=record["event_id"],
        event=read_event(record["event"]),
        created_at=from_text(record["created_at"]),
        status=DeliveryStatus(record["status"]),
        attempts=int(record["attempts"]),
        next_attempt_at=maybe_time(record.get("attention_at")),
        last_attempt_at=maybe_time(record.get("last_attempt_at")),
        last_status_code=None if status_code is None else int(status_code),
        last_error=record.get("last_error", ""),
        revision=record.get("revision", ""),
    )


def delivery_page(records: Sequence[Record], limit: int) -> DeliveryPage:
    """Return a page of deliveries from the records that were read for it, newest first."""
    found = [read_delivery(record) for record in records]
    return DeliveryPage(found, found[-1].event_id if len(found) == limit else None)
