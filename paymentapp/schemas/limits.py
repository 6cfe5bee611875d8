"""Schemas of limits."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from paymentapp.models.customers import CUSTOMER_ID_PATTERN
from paymentapp.schemas.common import Moment, Pattern, Total, currency
from paymentapp.services.limit_use import RuleUse

CLIENT_MAX = 300  # characters


class LimitsQuerySchema(Schema):
    """Whose use of the limits to show."""

    client = fields.String(
        validate=validate.Length(1, CLIENT_MAX),
        metadata={
            "description": "The client whose use of the rules for each client is shown. If left "
            "out, the one that asks."
        },
    )
    customer_id = fields.String(
        validate=Pattern(CUSTOMER_ID_PATTERN, error="Must be the id of a customer."),
        metadata={
            "description": "The customer whose use of the rules for each customer is shown. If "
            "left out, none is."
        },
    )


class LimitSchema(Schema):
    """A limit and its use. Dumps a RuleUse."""

    rule = fields.String(
        required=True, metadata={"description": "The rule, as it is written in the settings."}
    )
    currency = currency()
    limit = Total("What may be requested in the rule's window, or at once.")
    used = Total(
        "What is counted now; null for a rule about single payments, and for one for each client "
        "or customer where none is named or another rule replaces it.",
        allow_none=True,
    )
    remaining = Total("What is left of it; null where `used` is.", allow_none=True)
    resets_at = Moment(
        required=True,
        allow_none=True,
        metadata={
            "description": "When the day or month ends (UTC); for 24 hours, when the oldest amount "
            "leaves; null where nothing is counted."
        },
    )

    def get_attribute(self, obj: RuleUse, attr: str, default: Any) -> Any:
        """Return the value of a field, of the use or of its rule."""
        match attr:
            case "rule":
                return str(obj.rule)
            case "currency":
                return obj.rule.limit.currency
            case "limit":
                return obj.rule.limit.amount
        return getattr(obj, attr, default)


class LimitsSchema(Schema):
    """The limits, in the order of the rules."""

    limits = fields.List(fields.Nested(LimitSchema), required=True)
