"""The JSON models of payments."""

from __future__ import annotations

from datetime import time
from typing import Any

from marshmallow import Schema, fields, post_load, validate

from paymentapp.clock import to_text
from paymentapp.models.money import Money
from paymentapp.models.payments import Cause, Status
from paymentapp.schemas.common import (
    METHOD_PATTERN,
    PAYMENT_ID_PATTERN,
    Amount,
    Boundary,
    Cursor,
    Moment,
    Pattern,
    QueryInteger,
    currency,
    customer_id,
    email,
)
from paymentapp.services.payees import ShownPayment
from paymentapp.services.payments import PaymentOrder
from paymentapp.services.routing import FIRST_METHOD
from paymentapp.storage.base import PageQuery

PAGE_DEFAULT = 25
PAGE_MAX = 100


class PaymentOrderSchema(Schema):
    """A payment to be made. Loads as a PaymentOrder."""

    customer_id = customer_id()
    email = email("The customer's e-mail, as it is on record.")
    amount = Amount(required=True)
    currency = currency()
    payment_method = fields.String(
        load_default=None,
        allow_none=False,
        validate=Pattern(METHOD_PATTERN, error="Must be the name of a payment method."),
        metadata={
            "description": "How the customer is paid. Where it is left out, the customer's default "
            f"and the service's rules decide; without any, it is {FIRST_METHOD}."
        },
    )

    @post_load
    def make_order(self, data: dict[str, Any], **_: Any) -> PaymentOrder:
        money = Money(data["amount"], data["currency"])
        return PaymentOrder(data["customer_id"], data["email"], money, data["payment_method"])


class TransitionSchema(Schema):
    """One line of a payment's history."""

    at = Moment(required=True)
    status = fields.Enum(Status, by_value=True, required=True)
    cause = fields.Enum(
        Cause, by_value=True, required=True, metadata={"description": "Who moved the payment."}
    )
    reference = fields.String(
        required=True, metadata={"description": "The batch, the provider's item, or why."}
    )


class PayeeSchema(Schema):
    """Who is paid, masked."""

    method = fields.String(required=True)
    display = fields.String(
        required=True,
        metadata={
            "description": "Enough to recognise the payee; `sealed` where the details cannot be "
            "opened."
        },
    )


class PaymentSchema(Schema):
    """A payment and what became of it. Dumps a ShownPayment."""

    customer_id = customer_id()
    payment_id = fields.String(
        required=True,
        validate=Pattern(PAYMENT_ID_PATTERN),
        metadata={"description": "The time of the request, unique for the customer."},
    )
    email = email("The customer's e-mail, as it was then.")
    amount = Amount(attribute="money.amount", required=True)
    currency = fields.String(
        attribute="money.currency", required=True, metadata={"description": "ISO 4217 code."}
    )
    payment_method = fields.String(required=True)
    payee = fields.Nested(
        PayeeSchema,
        required=True,
        metadata={"description": "Who is really paid: by the method's details, if it has any."},
    )
    status = fields.Enum(
        Status,
        by_value=True,
        required=True,
        metadata={
            "description": "pending, submitting, submitted, unclaimed are on the way; "
            "succeeded, failed, returned, cancelled are outcomes. "
            "A succeeded payment may still be returned by the bank."
        },
    )
    created_at = Moment(required=True)
    updated_at = Moment(required=True, metadata={"description": "When the status last changed."})
    reason = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Why it failed, came back or is held, in the provider's words."},
    )
    provider_status = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "The provider's own word for the status, as it last said it."},
    )
    cancel_requested = fields.Boolean(
        required=True,
        metadata={"description": "An unclaimed payment is to be taken back by the provider."},
    )
    route = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Why it goes by this method; null where the request said how."},
    )
    batch_id = fields.String(required=True, allow_none=True)
    provider_item_id = fields.String(required=True, allow_none=True)
    transaction_id = fields.String(required=True, allow_none=True)
    history = fields.List(fields.Nested(TransitionSchema), required=True)

    def get_attribute(self, obj: Any, attr: str, default: Any) -> Any:
        """Return a value of the payment, or the payee that is shown for it."""
        return super().get_attribute(obj if attr == "payee" else obj.payment, attr, default)

    def dump(self, obj: Any, *, many: bool | None = None) -> Any:
        """What the fields say, written by hand: marshmallow takes as long for it as all the rest
        of a request. A test holds the two to each other."""
        return [_payment_body(shown) for shown in obj] if many else _payment_body(obj)


def _payment_body(shown: ShownPayment) -> dict[str, Any]:
    payment, payee = shown
    return {
        "customer_id": payment.customer_id,
        "payment_id": payment.payment_id,
        "email": payment.email,
        "amount": payment.money.amount,
        "currency": payment.money.currency,
        "payment_method": payment.payment_method,
        "payee": {"method": payee.method, "display": payee.display},
        "status": payment.status.value,
        "created_at": payment.payment_id,  # the same moment, in the same form
        "updated_at": to_text(payment.updated_at),
        "reason": payment.reason,
        "provider_status": payment.provider_status,
        "cancel_requested": payment.cancel_requested,
        "route": payment.route,
        "batch_id": payment.batch_id,
        "provider_item_id": payment.provider_item_id,
        "transaction_id": payment.transaction_id,
        "history": [
            {
                "at": to_text(move.at),
                "status": move.status.value,
                "cause": move.cause.value,
                "reference": move.reference,
            }
            for move in payment.history
        ],
    }


class PaymentPageSchema(Schema):
    """A page of a customer's payments."""

    customer_id = customer_id()
    payments = fields.List(fields.Nested(PaymentSchema), required=True)
    next_cursor = Cursor(required=True, allow_none=True)


class PageQuerySchema(Schema):
    """Which payments to list. Loads as a PageQuery."""

    limit = QueryInteger(
        load_default=PAGE_DEFAULT,
        validate=validate.Range(1, PAGE_MAX),
        metadata={
            "description": "How many records are read. With `status`, those that do not match "
            "are left out of the page, so it may be short, or empty, and still have a next one: "
            "only a `next_cursor` of null is the end."
        },
    )
    cursor = Cursor(data_key="cursor", attribute="before")
    status = fields.Enum(
        Status, by_value=True, metadata={"description": "Only payments that stand there."}
    )
    earliest = Boundary(
        time.min,
        data_key="from",
        metadata={
            "description": "Only payments requested at that time or later: a date (from its "
            "first moment, UTC), or a date and time with an offset."
        },
    )
    latest = Boundary(
        time.max,
        data_key="to",
        metadata={
            "description": "Only payments requested at that time or earlier: a date (to its "
            "last moment, UTC), or a date and time with an offset."
        },
    )

    @post_load
    def make_query(self, data: dict[str, Any], **_: Any) -> PageQuery:
        return PageQuery(**data)
