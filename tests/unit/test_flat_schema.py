"""Schemas that load valid data by a shorter way load what marshmallow loads."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from marshmallow import Schema, ValidationError

from paymentapp.schemas.common import FlatSchema
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
        (PaymentHeadersSchema(), {}),
        (PaymentHeadersSchema(), {"Idempotency-Key": '"a\\"b"', "Prefer": "wait=3"}),
        (PaymentHeadersSchema(), {"Prefer": "nonsense"}),
    ],
)
def test_valid_data_loads_as_by_marshmallow(schema: FlatSchema, data: dict[str, Any]) -> None:
    assert schema._load_valid(data) == Schema.load(schema, data)


@pytest.mark.parametrize(
    "data",
    [None, [], "ada", {}, {**ORDER, "more": 1}, {**ORDER, "amount": "1"}, {**ORDER, "email": None}],
)
def test_errors_are_marshmallows(data: Any) -> None:
    schema = PaymentOrderSchema()
    with pytest.raises(ValidationError) as ours:
        schema.load(data)
    with pytest.raises(ValidationError) as theirs:
        Schema.load(schema, data)
    assert ours.value.messages == theirs.value.messages
