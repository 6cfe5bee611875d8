"""Schemas of events."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from paymentapp.models.balances import FundsNotice
from paymentapp.models.bulk import BulkRun
from paymentapp.models.events import EVENT_ID_PATTERN, EVENT_TYPES, TEST_EVENT
from paymentapp.models.holds import Hold
from paymentapp.models.outages import OutageNotice
from paymentapp.models.webhook_endpoints import WebhookEndpoint
from paymentapp.schemas.balances import FundsNoticeSchema
from paymentapp.schemas.bulk import BulkRunSchema
from paymentapp.schemas.common import (
    Moment,
    Pattern,
    TextOrNull,
    Total,
    currency,
    made,
    page_limit,
)
from paymentapp.schemas.customer_history import CustomerHistoryEntrySchema
from paymentapp.schemas.holds import HoldSchema
from paymentapp.schemas.payments import PaymentSchema
from paymentapp.services.batch_notices import BatchNotice
from paymentapp.services.customer_history import ShownEntry
from paymentapp.services.payees import ShownPayment

_TYPE = "`payment.` with the status that the payment has got, or what else has happened."


class _ReleasedHoldSchema(HoldSchema):
    """A hold, and its release."""

    released_at = Moment(required=True, allow_none=True)
    released_by = TextOrNull(required=True)


class _EndpointSchema(Schema):
    """A webhook endpoint in an event, which other endpoints get too: without its URL."""

    id = fields.String(attribute="endpoint_id", required=True)
    description = TextOrNull(required=True)
    status = fields.String(required=True)
    disabled_reason = TextOrNull(required=True)


class _BatchNoticeSchema(Schema):
    """A batch that was parked."""

    batch_id = fields.String(required=True)
    payment_method = fields.String(required=True)
    currency = currency()
    payments = fields.Integer(required=True)
    total = Total("The sum of its payments.")
    since = Moment(required=True)
    reason = TextOrNull(required=True)
    by = TextOrNull(required=True)


class _OutageNoticeSchema(Schema):
    """A provider that is failing, or has recovered."""

    payment_method = fields.String(required=True)
    since = Moment(required=True)
    reason = fields.String(required=True)


class _Data(fields.Dict):
    """What an event is about, as the API shows it. Dumps a ShownEvent."""

    def _serialize(self, value: Any, *_: Any, **__: Any) -> Any:
        match value:
            case ShownPayment():
                return made(PaymentSchema).dump(value)
            case ShownEntry():
                about = {"customer_id": value.entry.customer_id}
                return about | made(CustomerHistoryEntrySchema).dump(value)
            case Hold():
                return made(_ReleasedHoldSchema).dump(value)
            case BatchNotice():
                return made(_BatchNoticeSchema).dump(value)
            case FundsNotice():
                return made(FundsNoticeSchema).dump(value)
            case OutageNotice():
                return made(_OutageNoticeSchema).dump(value)
            case BulkRun():
                return made(BulkRunSchema).dump(value)
            case WebhookEndpoint():
                return made(_EndpointSchema).dump(value)
        return {}


class EventSchema(Schema):
    """Something that has happened. Dumps a ShownEvent."""

    id = fields.String(
        attribute="event_id",
        required=True,
        validate=Pattern(EVENT_ID_PATTERN),
        metadata={"description": "Ids sort in the order of the list."},
    )
    type = fields.String(
        required=True,
        validate=validate.OneOf((*EVENT_TYPES, TEST_EVENT)),
        metadata={"description": _TYPE},
    )
    timestamp = Moment(required=True, metadata={"description": "When it happened."})
    data = _Data(
        required=True,
        metadata={
            "description": "Of `payment.…` the payment as it was then, with null for what came "
            "later; of `customer.payee_changed` the change as the customer's history shows it, "
            "with the `customer_id`; of `hold.…` the hold; of `webhook_endpoint.…` the endpoint; "
            "of `batch.parked` the batch that waits for an operator: `batch_id`, `payment_method`, "
            "`currency`, `payments` (how many), `total`, `since`, `reason`, and `by`, the operator "
            "who parked it, or null; of `provider.unfunded` and `provider.funded` the account: "
            "`payment_method`, `currency`, `needed` within a day, `available`, `as_of`; of "
            "`provider.failing` and `provider.recovered` the outage: `payment_method`, `since` "
            "when, and the `reason`, as in the log; of `bulk.completed` the run that has ended, in "
            "whichever status. Nothing personal is in it once the "
            "customer was erased."
        },
    )


class EventPageSchema(Schema):
    """One page of events, oldest first."""

    events = fields.List(fields.Nested(EventSchema), required=True)
    next_cursor = fields.String(
        required=True,
        allow_none=True,
        validate=Pattern(EVENT_ID_PATTERN),
        metadata={
            "description": "The `after` to go on with, now or later; null if there was no event "
            "yet. Where `events` is empty and it is the `after` of the request, that was all."
        },
    )


class EventQuerySchema(Schema):
    """Position of a page of events, and their type."""

    after = fields.String(
        load_default=None,
        validate=Pattern(EVENT_ID_PATTERN, error="Must be the id of an event, or a next_cursor."),
        metadata={"description": "The id to continue after. If left out, the oldest events."},
    )
    type = fields.String(
        load_default=None,
        validate=validate.OneOf(EVENT_TYPES),
        metadata={"description": "Events of one type only. Pages may then have few, or none."},
    )
    limit = page_limit("How many events to show at most.")
