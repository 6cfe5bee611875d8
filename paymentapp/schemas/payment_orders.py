"""Schemas of requests for payments."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from paymentapp.models.caller_texts import (
    DESCRIPTION_MAX,
    DESCRIPTION_PATTERN,
    REFERENCE_PATTERN,
    CallerTexts,
)
from paymentapp.models.money import Money
from paymentapp.schemas.caller_texts import MetadataPairs, OptionPairs
from paymentapp.schemas.common import (
    METHOD_PATTERN,
    Amount,
    Flag,
    FutureMoment,
    OptionalBody,
    Pattern,
    currency,
    customer_id,
    email,
)
from paymentapp.schemas.flat import FlatSchema
from paymentapp.schemas.holds import ONE_LINE_ERROR
from paymentapp.services.payment_orders import PaymentOrder
from paymentapp.services.routing import FIRST_METHOD


def _payment_method(description: str) -> fields.String:
    return fields.String(
        validate=Pattern(
            METHOD_PATTERN,
            error="Must be the name of a payment method: a-z, then up to 31 of a-z, 0-9 and '_'.",
        ),
        metadata={"description": description},
    )


class PaymentOrderSchema(FlatSchema):
    """A payment request. Loads as a PaymentOrder."""

    customer_id = customer_id()
    email = email("The customer's e-mail address, as registered.")
    amount = Amount(required=True)
    currency = currency()
    payment_method = _payment_method(
        "The payment method. If left out, the customer's default decides, then the routing rules "
        f"of the service, then {FIRST_METHOD}."
    )
    scheduled_at = FutureMoment(
        metadata={
            "description": "When it is to leave, at the soonest: in the future, at most a year "
            "(366 days) ahead. Until then it stays pending and can be cancelled. If left out, it "
            "leaves as soon as it can."
        }
    )

    allow_duplicate = Flag(
        metadata={
            "description": "Whether it is meant to be paid although the client has requested a "
            "payment of the same amount to the same customer lately. If left out, it is not; it "
            "matters only where the service looks for duplicates."
        }
    )

    reference = fields.String(
        validate=Pattern(REFERENCE_PATTERN, error="Must be 1 to 100 printable ASCII characters."),
        metadata={
            "description": "The caller's own name of the payment. Where the service requires it, "
            "a client uses a reference for one payment alone."
        },
    )
    description = fields.String(
        validate=[
            validate.Length(max=DESCRIPTION_MAX),
            Pattern(DESCRIPTION_PATTERN, error=ONE_LINE_ERROR),
        ],
        metadata={
            "description": "What it is for, on one line. The payee sees it as far as the payment "
            "method passes it on; one that it cannot pass on as it is, is refused."
        },
    )
    metadata = MetadataPairs(
        metadata={
            "description": "The caller's own data: texts by name. Some payment methods pass it on."
        }
    )

    options = OptionPairs(
        metadata={
            "description": "What it asks of the payment method: texts by name. A method that does "
            "not know one of them does not take the payment."
        }
    )

    def built(self, loaded: dict[str, Any]) -> PaymentOrder:
        """Return the loaded fields as a PaymentOrder."""
        return PaymentOrder(
            loaded["customer_id"],
            loaded["email"],
            Money(loaded["amount"], loaded["currency"]),
            loaded.get("payment_method"),
            loaded.get("scheduled_at"),
            allow_duplicate=loaded.get("allow_duplicate", False),
            texts=CallerTexts(
                loaded.get("reference"),
                loaded.get("description"),
                loaded.get("metadata", ()),
                loaded.get("options", ()),
            ),
        )


class RetryOrderSchema(OptionalBody):
    """A request to retry a payment. Loads as a dict."""

    payment_method = _payment_method(
        "The payment method. If left out, the one that the request for the original named; if it "
        "named none, one is chosen as for a new payment."
    )
