"""Schemas of what a provider tells of a settled payment: amounts and conversions."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields

from paymentapp.models.money import Money
from paymentapp.models.settled import Exchange
from paymentapp.schemas.common import Total, currency


class MoneySchema(Schema):
    """An amount with its currency. Dumps Money."""

    amount = Total("Exact, in the currency's own unit.")
    currency = currency()


class ExchangeSchema(Schema):
    """A currency conversion, as the provider tells it. Dumps an Exchange."""

    source = fields.Nested(MoneySchema, required=True, data_key="from")
    target = fields.Nested(MoneySchema, required=True, data_key="to")
    rate = fields.Decimal(
        required=True,
        allow_none=True,
        metadata={
            "minimum": 0,
            "description": "The provider's own rate, in the direction in which it tells it; null "
            "where it tells none.",
        },
    )


def money_body(money: Money | None) -> dict[str, Any] | None:
    """Return the body of an amount, None for None; by hand, as that of a payment is."""
    return {"amount": money.amount, "currency": money.currency} if money else None


def exchange_body(exchange: Exchange | None) -> dict[str, Any] | None:
    """Return the body of a conversion, None for None."""
    if exchange is None:
        return None
    source, target, rate = exchange
    return {"from": money_body(source), "to": money_body(target), "rate": rate}
