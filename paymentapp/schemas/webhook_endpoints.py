"""Schemas of webhook endpoints and deliveries."""

from __future__ import annotations

from typing import Any, cast

from marshmallow import Schema, fields, post_load, validate

from paymentapp.models.events import EVENT_ID_PATTERN, EVENT_TYPES
from paymentapp.models.webhook_endpoints import (
    ENDPOINT_ID_PATTERN,
    DeliveryStatus,
    EndpointChanges,
    EndpointStatus,
)
from paymentapp.schemas.common import Moment, Pattern, TextOrNull, page_limit
from paymentapp.schemas.holds import ONE_LINE_ERROR

URL_MAX = 2000
DESCRIPTION_MAX = 200
_STATUSES = [EndpointStatus.ENABLED.value, EndpointStatus.DISABLED.value]
_ONE_LINE_OR_EMPTY = r"^[^\x00-\x1f\x7f]*$"


def _url(*, required: bool) -> fields.String:
    return fields.String(
        required=required,
        validate=validate.Length(1, URL_MAX),
        metadata={
            "description": "Where events are posted to: an https URL of a public address, without "
            "user, password or fragment."
        },
    )


def _event_types(**options: Any) -> fields.List[Any]:
    return fields.List(
        fields.String(validate=validate.OneOf(EVENT_TYPES)),
        validate=validate.Length(max=len(EVENT_TYPES)),
        metadata={"description": "The types of events to send; if empty, those of every type."},
        **options,
    )


def _description(**options: Any) -> fields.String:
    return fields.String(
        validate=[
            validate.Length(max=DESCRIPTION_MAX),
            Pattern(_ONE_LINE_OR_EMPTY, error=ONE_LINE_ERROR),
        ],
        metadata={"description": "What it is for, in the words of whoever registers it."},
        **options,
    )


def _status(**options: Any) -> fields.String:
    return fields.String(
        validate=validate.OneOf(_STATUSES),
        metadata={
            "description": "A disabled one gets no events; enabled again, it gets those that "
            "happened meanwhile, of the last 35 days."
        },
        **options,
    )


class NewWebhookEndpointSchema(Schema):
    """A webhook endpoint to be registered."""

    url = _url(required=True)
    event_types = _event_types(load_default=list)
    description = _description(load_default="")


class WebhookEndpointPatchSchema(Schema):
    """Changes of a webhook endpoint; what is left out stays."""

    url = _url(required=False)
    event_types = _event_types()
    description = _description()
    status = _status()

    @post_load
    def make_changes(self, data: dict[str, Any], **_: Any) -> EndpointChanges:
        """Return the loaded fields as changes of a record."""
        if "event_types" in data:
            data["event_types"] = tuple(dict.fromkeys(data["event_types"]))
        if "status" in data:
            data["status"] = EndpointStatus(data["status"])
        return cast(EndpointChanges, data)


class WebhookEndpointSchema(Schema):
    """A webhook endpoint."""

    id = fields.String(
        attribute="endpoint_id", required=True, validate=Pattern(ENDPOINT_ID_PATTERN)
    )
    url = _url(required=True)
    event_types = _event_types(required=True)
    description = TextOrNull(required=True)
    status = _status(required=True)
    disabled_reason = TextOrNull(
        required=True, metadata={"description": "Why the service has disabled it."}
    )
    created_at = Moment(required=True)
    created_by = TextOrNull(required=True, metadata={"description": "The client or operator."})


class WebhookEndpointSecretSchema(WebhookEndpointSchema):
    """A webhook endpoint with its new secret."""

    secret = fields.String(
        required=True,
        metadata={
            "description": "What signs its webhooks (`whsec_…`). It is shown in this answer alone, "
            "and where the request is repeated with its `Idempotency-Key`."
        },
    )


class WebhookEndpointsSchema(Schema):
    """The webhook endpoints."""

    webhook_endpoints = fields.List(fields.Nested(WebhookEndpointSchema), required=True)


class WebhookDeliverySchema(Schema):
    """A delivery that is to be tried, or tried again."""

    id = fields.String(
        attribute="delivery_id",
        required=True,
        validate=Pattern(EVENT_ID_PATTERN),
        metadata={"description": "The id of the event: an endpoint has one delivery of each."},
    )
    event_id = fields.String(required=True, validate=Pattern(EVENT_ID_PATTERN))
    event_type = fields.String(attribute="event.type", required=True)
    status = fields.Enum(DeliveryStatus, by_value=True, required=True)
    attempts = fields.Integer(required=True)
    last_status_code = fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": "The HTTP status of the last answer; null where there was none."},
    )
    last_error = TextOrNull(required=True)
    last_attempt_at = Moment(required=True, allow_none=True)
    next_attempt_at = Moment(required=True, allow_none=True)
    created_at = Moment(required=True)


class WebhookDeliveryPageSchema(Schema):
    """One page of deliveries, newest event first."""

    deliveries = fields.List(fields.Nested(WebhookDeliverySchema), required=True)
    next_cursor = fields.String(
        required=True,
        allow_none=True,
        validate=Pattern(EVENT_ID_PATTERN),
        metadata={"description": "The `cursor` of the next page; null at the end."},
    )


class WebhookDeliveryQuerySchema(Schema):
    """Position of a page of deliveries, and their status."""

    status = fields.Enum(
        DeliveryStatus,
        by_value=True,
        load_default=None,
        metadata={
            "description": "Deliveries of one status only. Pages may then have few, or none."
        },
    )
    cursor = fields.String(
        load_default=None,
        validate=Pattern(EVENT_ID_PATTERN, error="Must be a next_cursor."),
        metadata={"description": "`next_cursor` of the previous page."},
    )
    limit = page_limit("How many deliveries to show at most.")
