"""The JSON models in the OpenAPI document accept exactly what the service accepts, or more."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker  # type: ignore[import-untyped]
from jsonschema.validators import extend  # type: ignore[import-untyped]
from marshmallow import Schema, ValidationError

from paymentapp.errors import Unprocessable
from paymentapp.schemas.customers import NewCustomerSchema
from paymentapp.schemas.payment_orders import PaymentOrderSchema
from tests.api.conftest import Bench

ABSENT = object()
SCHEMAS: dict[str, Schema] = {
    "NewCustomer": NewCustomerSchema(),
    "PaymentOrder": PaymentOrderSchema(),
}
NUMBERS = st.sampled_from(
    [
        "0",
        "1",
        "-1",
        "12.5",
        "0.01",
        "5e-324",
        "1e-15",
        "1e-16",
        "123456789012345.678",
        "1e3",
        "999999999999999",
        "-999999999999999",
        "999999999999999.1",
        "1e15",
        "-1e15",
        "1e17",
    ]
).map(Decimal)
TEXTS = st.sampled_from(
    [
        "",
        "a",
        "ada",
        "USD",
        "usd",
        "USDX",
        "paypal",
        "Pay",
        "ada@example.com",
        "ada@",
        "a@b.c",
        "a" * 40,
        "a" * 41,
        "a" * 50,
        "a" * 51,
        "a" * 200,
        "a" * 201,
        "a" * 115 + "@example.com",
        "a" * 116 + "@example.com",
        "\x00",
        "\x7f",
        "a\nb",
        "🙂" * 200,
        "_",
        "-",
        ".a",
        "a..b@c.de",
    ]
) | st.text(st.characters(codec="utf-8"), max_size=5)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    NUMBERS,
    TEXTS,
    st.just([]),
    st.just({}),
    st.just([1]),
    st.just({"": 1}),
)
NAMES = st.sampled_from(
    [
        "country",
        "created_at",
        "updated_at",
        "note",
        "amount",
        "1a",
        "",
        "a b",
        "_a",
        "a_1",
        "é",
        "n" * 40,
        "n" * 41,
        "created_at2",
        "x\n",
    ]
) | st.text(max_size=3)
GOOD = {
    "customer_id": "ada",
    "email": "ada@example.com",
    "amount": Decimal("12.5"),
    "currency": "USD",
    "payment_method": "paypal",
}


def bodies(*names: str) -> st.SearchStrategy[dict[str, Any]]:
    """Generate valid bodies with some members replaced, left out or added."""
    given_fields = {name: st.just(GOOD[name]) | VALUES | st.just(ABSENT) for name in names}
    known = st.fixed_dictionaries(given_fields).map(
        lambda body: {name: value for name, value in body.items() if value is not ABSENT}
    )
    extra = st.dictionaries(NAMES, VALUES, max_size=12)
    return st.builds(lambda more, own: {**more, **own}, st.just({}) | extra, known)


@pytest.fixture(scope="module")
def models() -> dict[str, Draft202012Validator]:
    """Return the schemas of the document, as any JSON Schema validator reads them."""
    document = Bench().client.get("/openapi.json").get_json()
    types = Draft202012Validator.TYPE_CHECKER.redefine(
        "number", lambda _, value: isinstance(value, (int, Decimal)) and not isinstance(value, bool)
    )
    exact = extend(Draft202012Validator, type_checker=types)
    schemas = document["components"]["schemas"]
    return {name: exact(schemas[name], format_checker=FormatChecker()) for name in SCHEMAS}


def taken(schema: Schema, body: dict[str, Any]) -> bool:
    """Return whether the service's schema accepts a body (it may still not be payable)."""
    try:
        schema.load(body)
    except ValidationError:
        return False
    except Unprocessable:
        return True
    return True


def agrees(model: Draft202012Validator, schema: Schema, body: dict[str, Any]) -> None:
    allowed = model.is_valid(body)
    if taken(schema, body):
        assert allowed, list(model.iter_errors(body))
    else:
        # In Python's regular expressions, unlike in JavaScript's, `$` lets a line feed follow.
        assert not allowed or any(
            str(part).endswith("\n") for item in body.items() for part in item
        )


@given(body=bodies("customer_id", "email"))
def test_customers(models: dict[str, Draft202012Validator], body: dict[str, Any]) -> None:
    agrees(models["NewCustomer"], SCHEMAS["NewCustomer"], body)


@given(body=bodies("customer_id", "email", "amount", "currency", "payment_method"))
def test_payments(models: dict[str, Draft202012Validator], body: dict[str, Any]) -> None:
    agrees(models["PaymentOrder"], SCHEMAS["PaymentOrder"], body)
