"""Schemas of balances, and of events about them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from marshmallow import Schema, fields

from paymentapp.schemas.common import Moment, Total, currency


class Available(fields.Decimal):
    """An amount in a response that may be negative, or null."""

    def __init__(self) -> None:
        super().__init__(
            required=True,
            allow_none=True,
            metadata={
                "description": "What the provider says can be paid; null where it tells no balance."
            },
        )

    def _serialize(self, value: Any, *_: Any, **__: Any) -> Decimal | None:
        found: Decimal | None = value
        return found


class AccountBalanceSchema(Schema):
    """An account in one currency. Dumps an AccountBalance."""

    payment_method = fields.String(required=True)
    currency = currency()
    available = Available()
    as_of = Moment(
        required=True,
        allow_none=True,
        metadata={
            "description": "The time of `available`, by the provider where it names one: it may be "
            "some hours ago."
        },
    )
    pending = Total(
        "The sum of the payments that are due, held ones too, and of those that were sent and are "
        "not settled, as of the last poll of their batch. What was sent may have left `available` "
        "already."
    )
    pending_complete = fields.Boolean(
        required=True,
        metadata={
            "description": "False where more is pending than was read, so that `pending` is a "
            "part of it."
        },
    )
    pending_as_of = Moment(required=True, metadata={"description": "The time of `pending`."})


class BalancesSchema(Schema):
    """The balances, by payment method and currency."""

    balances = fields.List(fields.Nested(AccountBalanceSchema), required=True)


class FundsNoticeSchema(Schema):
    """What an event says of an account. Dumps a FundsNotice."""

    payment_method = fields.String(required=True)
    currency = currency()
    needed = Total("What is to leave within a day.")
    available = Available()
    as_of = Moment(required=True, allow_none=True)
