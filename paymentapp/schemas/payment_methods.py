"""Schemas of payment methods."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from paymentapp.schemas.common import Moment, customer_id

DETAIL_MAX_LENGTH = 200


def _details(description: str) -> fields.Dict:
    text = fields.String(validate=validate.Length(1, DETAIL_MAX_LENGTH))
    return fields.Dict(
        keys=fields.String(), values=text, required=True, metadata={"description": description}
    )


class NewMethodSchema(Schema):
    """A customer's details for a payment method, to be stored."""

    details = _details(
        "The details that the payment method requires, each a string. The error for an unknown "
        "one lists those that it knows."
    )
    default = fields.Boolean(
        load_default=None,
        allow_none=False,
        truthy={True},
        falsy={False},
        metadata={
            "description": "Whether this is the customer's default method, used for payments "
            "that name none. Left out, the default does not change."
        },
    )


class MethodSchema(Schema):
    """A customer's details for a payment method."""

    customer_id = customer_id()
    payment_method = fields.String(required=True)
    details = _details("The stored details; of a secret, only the last four characters.")
    default = fields.Boolean(
        required=True,
        metadata={"description": "Whether payments that name no method use this one."},
    )
    updated_at = Moment(required=True)
    note = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "What the provider has reported about these details since."},
    )


class MethodsSchema(Schema):
    """A customer's payment methods."""

    customer_id = customer_id()
    payment_methods = fields.List(fields.Nested(MethodSchema), required=True)
