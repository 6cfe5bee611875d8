"""Webhook endpoints over HTTP: have events posted."""

from __future__ import annotations

from typing import Any

from paymentapp.api import error_examples, examples
from paymentapp.api.blueprint import Blueprint, actor, services
from paymentapp.api.responses import REPLAY, replay_header
from paymentapp.models.actors import WEBHOOKS
from paymentapp.models.webhook_endpoints import EndpointChanges, WebhookDelivery, WebhookEndpoint
from paymentapp.schemas.headers import EndpointHeadersSchema
from paymentapp.schemas.webhook_endpoints import (
    NewWebhookEndpointSchema,
    WebhookDeliveryPageSchema,
    WebhookDeliveryQuerySchema,
    WebhookDeliverySchema,
    WebhookEndpointPatchSchema,
    WebhookEndpointSchema,
    WebhookEndpointSecretSchema,
    WebhookEndpointsSchema,
)
from paymentapp.services.outbound.endpoints import EndpointWithSecret

blp = Blueprint("webhook endpoints", __name__, description="Webhook endpoints: receive events.")

_ALL = "/v1/api/webhook-endpoints"
_ONE = f"{_ALL}/<endpoint_id:endpoint_id>"
LINKS = {
    "test": {
        "operationId": "test_webhook_endpoint",
        "parameters": {"endpoint_id": "$response.body#/id"},
    }
}


_SHOWN = (
    *("endpoint_id", "url", "event_types", "description", "status", "disabled_reason"),
    *("created_at", "created_by"),
)


def _with_secret(made: EndpointWithSecret) -> dict[str, Any]:
    return {name: getattr(made.endpoint, name) for name in _SHOWN} | {"secret": made.secret}


@blp.route(_ALL, methods=["POST"])
@blp.requires(WEBHOOKS)
@blp.arguments(EndpointHeadersSchema(), location="headers")
@blp.arguments(NewWebhookEndpointSchema(), example=examples.NEW_ENDPOINT)
@blp.response(
    201,
    WebhookEndpointSecretSchema,
    description="Registered",
    example=examples.ENDPOINT_WITH_SECRET,
    headers=replay_header("registered the endpoint"),
)
@blp.documents(*error_examples.ADD_ENDPOINT, responses={201: {"links": LINKS}})
def add_webhook_endpoint(
    headers: dict[str, Any], body: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Register a webhook endpoint.

    From now on events are posted to it, as `GET /v1/api/events/{event_id}` shows them, and signed
    by the Standard Webhooks specification: at least once, in any order, under the event's id as
    `webhook-id`. Any 2xx is success. Other attempts are repeated for about three days. An
    endpoint that answers 410, or fails for five days, is disabled, which is an event.

    Send an `Idempotency-Key`, and retry with it where no answer came: the endpoint and its secret
    are answered again, as long as that secret is not replaced.
    """
    made = services().webhook_endpoints.create(
        body["url"],
        body["event_types"],
        body["description"],
        actor(),
        headers.get("idempotency_key"),
    )
    return _with_secret(made), REPLAY if made.replayed else {}


@blp.route(_ALL)
@blp.requires(WEBHOOKS)
@blp.response(200, WebhookEndpointsSchema, description="Oldest first", example=examples.ENDPOINTS)
@blp.documents()
def list_webhook_endpoints() -> dict[str, list[WebhookEndpoint]]:
    """List the webhook endpoints."""
    return {"webhook_endpoints": services().webhook_endpoints.list()}


@blp.route(_ONE)
@blp.requires(WEBHOOKS)
@blp.response(200, WebhookEndpointSchema, description="The endpoint", example=examples.ENDPOINT)
@blp.documents(error_examples.NO_ENDPOINT)
def get_webhook_endpoint(endpoint_id: str) -> WebhookEndpoint:
    """Show a webhook endpoint, without its secret."""
    return services().webhook_endpoints.get(endpoint_id)


@blp.route(_ONE, methods=["PATCH"])
@blp.requires(WEBHOOKS)
@blp.arguments(WebhookEndpointPatchSchema(), example={"event_types": ["payment.succeeded"]})
@blp.response(200, WebhookEndpointSchema, description="Changed", example=examples.ENDPOINT)
@blp.documents(*error_examples.CHANGE_ENDPOINT)
def change_webhook_endpoint(body: EndpointChanges, endpoint_id: str) -> WebhookEndpoint:
    """Change, disable or enable a webhook endpoint.

    One that is enabled again gets the events that happened meanwhile.
    """
    return services().webhook_endpoints.change(endpoint_id, body)


@blp.route(_ONE, methods=["DELETE"])
@blp.requires(WEBHOOKS)
@blp.response(204, description="Deleted")
@blp.documents(error_examples.NO_ENDPOINT)
def delete_webhook_endpoint(endpoint_id: str) -> None:
    """Delete a webhook endpoint. What was still to be sent to it is not sent."""
    services().webhook_endpoints.delete(endpoint_id, actor())


@blp.route(f"{_ONE}/rotate-secret", methods=["POST"])
@blp.requires(WEBHOOKS)
@blp.response(
    200,
    WebhookEndpointSecretSchema,
    description="With the new secret",
    example=examples.ENDPOINT_WITH_SECRET,
)
@blp.documents(*error_examples.ROTATE_SECRET)
def rotate_webhook_secret(endpoint_id: str) -> dict[str, Any]:
    """Replace the secret of a webhook endpoint.

    For 24 hours each webhook has a signature by the old one too.
    """
    made = services().webhook_endpoints.rotate_secret(endpoint_id, actor())
    return _with_secret(made)


@blp.route(f"{_ONE}/test", methods=["POST"])
@blp.requires(WEBHOOKS)
@blp.response(
    202, WebhookDeliverySchema, description="To be sent at once", example=examples.TEST_DELIVERY
)
@blp.documents(*error_examples.TEST_ENDPOINT)
def test_webhook_endpoint(endpoint_id: str) -> WebhookDelivery:
    """Send a test event, of type `webhook_endpoint.test`, to a webhook endpoint.

    What came of it is in the list of its deliveries a moment later.
    """
    return services().webhook_endpoints.test(endpoint_id)


@blp.route(f"{_ONE}/deliveries")
@blp.requires(WEBHOOKS)
@blp.arguments(WebhookDeliveryQuerySchema(), location="query")
@blp.response(
    200,
    WebhookDeliveryPageSchema,
    description="One page, newest event first",
    example=examples.DELIVERIES,
)
@blp.documents(*error_examples.LIST_DELIVERIES)
def list_webhook_deliveries(query: dict[str, Any], endpoint_id: str) -> dict[str, Any]:
    """List the deliveries to a webhook endpoint that took, or take, more than one attempt.

    What was delivered by the first attempt is not in the list.
    """
    page = services().webhook_endpoints.deliveries(
        endpoint_id, query["status"], query["limit"], query["cursor"]
    )
    return {"deliveries": page.deliveries, "next_cursor": page.last_read}


@blp.route(f"{_ONE}/deliveries/<event_id:delivery_id>/redeliver", methods=["POST"])
@blp.requires(WEBHOOKS)
@blp.response(
    202, WebhookDeliverySchema, description="To be sent at once", example=examples.DELIVERY
)
@blp.documents(*error_examples.REDELIVER)
def redeliver_webhook(endpoint_id: str, delivery_id: str) -> WebhookDelivery:
    """Send an event once more to a webhook endpoint: one that failed, or any of the last 35 days.

    The id is the event's.
    """
    return services().webhook_endpoints.redeliver(endpoint_id, delivery_id)
