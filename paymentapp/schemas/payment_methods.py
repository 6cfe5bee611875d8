"""Schemas of payment methods."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from paymentapp.schemas.common import Moment, customer_id

DETAIL_MAX_LENGTH = 200


class Details(fields.Dict):
    """Details of a customer for a payment method, by name."""

    def __init__(self, description: str) -> None:
        super().__init__(
            keys=fields.String(),
            values=fields.String(validate=validate.Length(1, DETAIL_MAX_LENGTH)),
            required=True,
            metadata={"description": description},
        )


class NewDetails(Details):
    """Details to be stored. The OpenAPI document describes those of each payment method."""


class NewMethodSchema(Schema):
    """A customer's details for a payment method, to be stored."""

    details = NewDetails("The details that the payment method of the path requires.")
    default = fields.Boolean(
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
    details = Details("The stored details; of a secret, only the last four characters.")
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
    usable = fields.Boolean(
        required=True,
        metadata={
            "description": "Whether payments may go by it. Not where the bank has said that the "
            "account is closed, for example: put the details again."
        },
    )
    reason = fields.String(
        required=True, allow_none=True, metadata={"description": "Why it is not usable."}
    )


class MethodsSchema(Schema):
    """A customer's payment methods."""

    customer_id = customer_id()
    payment_methods = fields.List(fields.Nested(MethodSchema), required=True)
