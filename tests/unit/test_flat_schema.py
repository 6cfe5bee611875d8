"""Schemas that load valid data by a shorter way load what marshmallow loads."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from marshmallow import Schema, ValidationError, fields

from paymentapp.schemas.flat import FlatSchema
from paymentapp.schemas.headers import PaymentHeadersSchema
from paymentapp.schemas.payment_orders import PaymentOrderSchema

ORDER = {
    "customer_id": "ada",
    "email": "ada@example.com",
    "amount": Decimal("12.5"),
    "currency": "USD",
}


@pytest.mark.parametrize(
    ("schema", "data"),
    [
        (PaymentOrderSchema(), ORDER),
        (PaymentOrderSchema(), {**ORDER, "payment_method": "wire"}),
        (PaymentOrderSchema(), {**ORDER, "scheduled_at": "2027-01-02T03:04:05+01:00"}),
        (
            PaymentOrderSchema(),
            {
                **ORDER,
                "reference": "r",
                "description": "d",
                "metadata": {"b": "2", "a": "1"},
                "allow_duplicate": True,
            },
        ),
        (PaymentHeadersSchema(), {}),
        (PaymentHeadersSchema(), {"Idempotency-Key": '"a\\"b"', "Prefer": "wait=3"}),
        (PaymentHeadersSchema(), {"Prefer": "nonsense"}),
    ],
)
def test_valid_data_loads_as_by_marshmallow(schema: FlatSchema, data: dict[str, Any]) -> None:
    assert schema._load_valid(data) == Schema.load(schema, data)


def test_a_default_is_refused() -> None:
    class WithDefault(FlatSchema):
        limit = fields.Integer(load_default=1)

    with pytest.raises(TypeError):
        WithDefault()


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        "ada",
        {},
        {**ORDER, "more": 1},
        {**ORDER, "amount": "1"},
        {**ORDER, "email": None},
        {**ORDER, "email": "ada"},
        {**ORDER, "currency": 1},
        {**ORDER, "customer_id": "a" * 51, "metadata": {"": "x"}},
        {name: value for name, value in ORDER.items() if name != "currency"},
    ],
)
def test_errors_are_marshmallows(data: Any) -> None:
    schema = PaymentOrderSchema()
    with pytest.raises(ValidationError) as ours:
        schema.load(data)
    with pytest.raises(ValidationError) as theirs:
        Schema.load(schema, data)
    assert ours.value.messages == theirs.value.messages
