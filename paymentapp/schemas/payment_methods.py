"""The JSON models of payment methods."""

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
    """How a customer is to be paid by a method."""

    details = _details(
        "What the method has to know, each a text: the error for an unknown or a missing one "
        "names those that there are."
    )
    default = fields.Boolean(
        load_default=None,
        allow_none=False,
        truthy={True},
        falsy={False},
        metadata={
            "description": "Whether payments that name no method go by this one; left out, that "
            "stays as it is."
        },
    )


class MethodSchema(Schema):
    """How a customer is paid by a method."""

    customer_id = customer_id()
    payment_method = fields.String(required=True)
    details = _details("What is known; of a secret only the last four characters.")
    default = fields.Boolean(
        required=True,
        metadata={"description": "Payments that name no method go by this one."},
    )
    updated_at = Moment(required=True)
    note = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "What the provider has said of these details since."},
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
    """The ways in which a customer is paid."""

    customer_id = customer_id()
    payment_methods = fields.List(fields.Nested(MethodSchema), required=True)
