"""Schemas of customers' histories."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields

from paymentapp.models.customer_history import CustomerAction
from paymentapp.models.payments import Cause
from paymentapp.schemas.common import (
    HistoryCursor,
    Moment,
    TextOrNull,
    customer_id,
    page_limit,
)


class _MaskedDetails(fields.Dict):
    """Details as a payment method shows them; null where there are none, or none opens."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(keys=fields.String(), values=fields.String(), allow_none=True, **kwargs)

    def _serialize(self, value: Mapping[str, str] | None, *_: Any, **__: Any) -> Any:
        return None if value is None else dict(value)


class CustomerHistoryEntrySchema(Schema):
    """One change of a customer's record. Dumps a ShownEntry."""

    version = fields.Integer(
        attribute="entry.version",
        required=True,
        metadata={"description": "Number of the change, from 1."},
    )
    at = Moment(attribute="entry.at", required=True)
    what = fields.Enum(
        CustomerAction,
        by_value=True,
        attribute="entry.action",
        required=True,
        metadata={"description": "What changed."},
    )
    cause = fields.Enum(
        Cause,
        by_value=True,
        attribute="entry.cause",
        required=True,
        metadata={
            "description": "`request`: a client; `person`: an operator; `webhook`: the payment "
            "method's provider has reported it."
        },
    )
    by = TextOrNull(
        attribute="entry.by",
        required=True,
        metadata={
            "description": "The client or operator; null for a provider, and for what an earlier "
            "version has stored."
        },
    )
    email = fields.String(
        attribute="entry.email",
        required=True,
        allow_none=True,
        metadata={"description": "The e-mail address that was registered or set."},
    )
    payment_method = fields.String(
        attribute="entry.method",
        required=True,
        allow_none=True,
        metadata={"description": "The method that changed; of `default_changed` the new default."},
    )
    details = _MaskedDetails(
        required=True,
        metadata={
            "description": "The details from then on, of `method_deleted` those before; of a "
            "secret, only the last four characters. Null where they cannot be opened."
        },
    )
    note = fields.String(
        attribute="entry.note",
        required=True,
        allow_none=True,
        metadata={
            "description": "What the provider has reported; of a change of attributes, their names."
        },
    )


class CustomerHistorySchema(Schema):
    """One page of a customer's history."""

    customer_id = customer_id()
    history = fields.List(fields.Nested(CustomerHistoryEntrySchema), required=True)
    next_cursor = HistoryCursor(required=True, allow_none=True)


class HistoryQuerySchema(Schema):
    """Position of a page of a history."""

    limit = page_limit("How many changes to show at most.")
    cursor = HistoryCursor(attribute="before", load_default=None)
