"""Schemas of holds."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from paymentapp.models.holds import REASON_MAX, HoldScope
from paymentapp.schemas.common import Moment, Pattern, TextOrNull

VALUE_MAX = 100
ONE_LINE = r"^[^\x00-\x1f\x7f]+$"
ONE_LINE_ERROR = "Must be text on one line, without control characters."


def reason() -> fields.String:
    """Return the field of a reason, which histories show."""
    return fields.String(
        required=True,
        validate=[
            validate.Length(1, REASON_MAX),
            Pattern(ONE_LINE, error=ONE_LINE_ERROR),
        ],
        metadata={"description": "Why, in the words of whoever does it."},
    )


def _scope() -> fields.Enum[HoldScope]:
    return fields.Enum(
        HoldScope, by_value=True, required=True, metadata={"description": "What is held."}
    )


class ReasonSchema(Schema):
    """Why a payment is held, or rejected."""

    reason = reason()


class NewHoldSchema(Schema):
    """A hold to be placed."""

    scope = _scope()
    value = fields.String(
        load_default="",
        validate=validate.Length(max=VALUE_MAX),
        metadata={
            "description": "The payment method, the customer_id, CUSTOMER_ID/PAYMENT_ID, or the "
            "bulk_id; left out where `scope` is `all`."
        },
    )
    reason = reason()


class HoldSchema(Schema):
    """A hold that is in force."""

    hold_id = fields.String(required=True)
    scope = _scope()
    value = TextOrNull(
        required=True,
        metadata={
            "description": "The payment method, the customer_id, CUSTOMER_ID/PAYMENT_ID, or the "
            "bulk_id; null where everything is held."
        },
    )
    reason = TextOrNull(
        required=True, metadata={"description": "Why; null once the customer was erased."}
    )
    by = TextOrNull(
        required=True, metadata={"description": "The client or operator who placed it."}
    )
    created_at = Moment(required=True)


class HoldsSchema(Schema):
    """The holds in force."""

    holds = fields.List(fields.Nested(HoldSchema), required=True)
