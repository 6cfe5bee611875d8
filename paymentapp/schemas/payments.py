"""Schemas of payments."""

from __future__ import annotations

from datetime import time
from typing import Any

from marshmallow import Schema, fields, post_load

from paymentapp.clock import maybe_text, to_text
from paymentapp.models.approvals import Approval
from paymentapp.models.payments import Cause, Status
from paymentapp.schemas.approvals import ApprovalSchema
from paymentapp.schemas.caller_texts import MetadataPairs, shown_options
from paymentapp.schemas.common import (
    PAYMENT_ID_PATTERN,
    Amount,
    Boundary,
    Cursor,
    Moment,
    Pattern,
    TextOrNull,
    customer_id,
    email,
    page_limit,
)
from paymentapp.schemas.settled import ExchangeSchema, MoneySchema, exchange_body, money_body
from paymentapp.services.payees import ShownPayment
from paymentapp.services.waiting import WaitingFor
from paymentapp.storage.base import PageQuery

_BESIDES = {"payee", "waiting_for", "waiting_since"}


class TransitionSchema(Schema):
    """One status change in a payment's history."""

    at = Moment(required=True)
    status = fields.Enum(Status, by_value=True, required=True)
    cause = fields.Enum(
        Cause, by_value=True, required=True, metadata={"description": "What changed the status."}
    )
    reference = fields.String(
        required=True,
        metadata={"description": "Id of the batch, id of the provider's item, or the reason."},
    )
    by = TextOrNull(
        required=True,
        metadata={"description": "The client or operator; null for the service itself."},
    )


def _linked_payment(description: str) -> fields.String:
    return fields.String(
        required=True,
        allow_none=True,
        validate=Pattern(PAYMENT_ID_PATTERN),
        metadata={"description": description},
    )


class PayeeSchema(Schema):
    """Who is paid, masked."""

    method = fields.String(required=True)
    display = fields.String(
        required=True,
        allow_none=True,
        metadata={
            "description": "Enough to recognise the payee; `sealed` where the details cannot be "
            "opened, null for a customer who was erased."
        },
    )


class PaymentSchema(Schema):
    """A payment with its status and history. Dumps a ShownPayment."""

    customer_id = customer_id()
    payment_id = fields.String(
        required=True,
        validate=Pattern(PAYMENT_ID_PATTERN),
        metadata={"description": "Time of the request, unique per customer."},
    )
    email = email(
        "The customer's e-mail address at the time of the request; null once they were erased.",
        allow_none=True,
    )
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
            "description": "awaiting_approval, pending, submitting, submitted and unclaimed are "
            "in progress; succeeded, failed, returned, cancelled and rejected are outcomes. "
            "The bank may still return a succeeded payment."
        },
    )
    created_at = Moment(required=True)
    created_by = TextOrNull(
        required=True,
        metadata={"description": "The client that requested it; null if none is on record."},
    )
    updated_at = Moment(required=True, metadata={"description": "Time of the last status change."})
    scheduled_at = Moment(
        required=True,
        allow_none=True,
        metadata={
            "description": "When it leaves, at the soonest, in UTC; null if as soon as it can."
        },
    )
    reference = fields.String(
        attribute="texts.reference",
        required=True,
        allow_none=True,
        metadata={"description": "The caller's own name of the payment."},
    )
    description = fields.String(
        attribute="texts.description",
        required=True,
        allow_none=True,
        metadata={"description": "What it is for, as the request said."},
    )
    metadata = MetadataPairs(
        attribute="texts.metadata",
        required=True,
        metadata={"description": "The caller's own data, `{}` where the request had none."},
    )
    options = shown_options()
    retry_of = _linked_payment("The payment of this customer that this one retries, or null.")
    retried_by = _linked_payment(
        "The payment of this customer that retries this one, or null. It is stored before its "
        "payment: after a crash between the two, repeat the retry."
    )
    bulk_id = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "The bulk run that it is of, or null."},
    )
    reason = fields.String(
        required=True,
        allow_none=True,
        metadata={
            "description": "Why it failed, came back or is held, as the provider reports it; why "
            "it was rejected, in the words of whoever did it, or `expired`."
        },
    )
    provider_status = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "The provider's own status, as last reported."},
    )
    cancel_requested = fields.Boolean(
        required=True,
        metadata={
            "description": "Whether a payment that was sent is being recalled from the provider."
        },
    )
    route = fields.String(
        required=True,
        allow_none=True,
        metadata={
            "description": "Why this payment method was chosen; null if the request named it."
        },
    )
    batch_id = fields.String(required=True, allow_none=True)
    provider_item_id = fields.String(required=True, allow_none=True)
    transaction_id = fields.String(required=True, allow_none=True)
    settled_at = Moment(
        attribute="settled.at",
        required=True,
        allow_none=True,
        metadata={
            "description": "When the provider says that the payee got the money, to the second or "
            "to the day; it stays when the payment is returned later. Null where the provider does "
            "not tell."
        },
    )
    fee = fields.Nested(
        MoneySchema,
        attribute="settled.fee",
        required=True,
        allow_none=True,
        metadata={"description": "What the provider charged for it; null where it does not tell."},
    )
    exchange = fields.Nested(
        ExchangeSchema,
        attribute="settled.exchange",
        required=True,
        allow_none=True,
        metadata={"description": "How the provider converted it; null where it says nothing."},
    )
    waiting_for = fields.Enum(
        WaitingFor,
        by_value=True,
        required=True,
        allow_none=True,
        metadata={
            "description": "What keeps it from going on: `approval` (a rule covers it), `schedule` "
            "(its request named a later time), `hold` (somebody holds it, or its details have "
            "changed lately), `funds` (its provider's account does not cover it), `window` (its "
            "provider takes payments at certain times), `provider` "
            "(its outcome there is not known yet), `person` (an operator decides); null where "
            "nothing does."
        },
    )
    waiting_since = Moment(required=True, allow_none=True)
    approval_rule = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "The rule that makes it need approval; null if none covers it."},
    )
    approvals_needed = fields.Integer(
        required=True,
        metadata={"description": "How many different approvers it needs in all; 0 without a rule."},
    )
    approvals = fields.List(
        fields.Nested(ApprovalSchema), required=True, metadata={"description": "Oldest first."}
    )
    erased_at = Moment(
        required=True,
        allow_none=True,
        metadata={
            "description": "When the customer's data was removed from it: the payee, `reference`, "
            "`description`, `metadata` and people's words; or null."
        },
    )
    history = fields.List(fields.Nested(TransitionSchema), required=True)

    def get_attribute(self, obj: Any, attr: str, default: Any) -> Any:
        """Return a value of the payment, or of what is shown besides its record."""
        return super().get_attribute(obj if attr in _BESIDES else obj.payment, attr, default)

    def dump(self, obj: Any, *, many: bool | None = None) -> Any:
        """Return the body that the fields describe, built by hand for speed.

        Marshmallow takes as long for it as the rest of the request. A test compares the two.
        """
        return [_payment_body(shown) for shown in obj] if many else _payment_body(obj)


def _payment_body(shown: ShownPayment) -> dict[str, Any]:
    payment, payee, wait = shown
    return {
        "customer_id": payment.customer_id,
        "payment_id": payment.payment_id,
        "email": payment.email or None,
        "amount": payment.money.amount,
        "currency": payment.money.currency,
        "payment_method": payment.payment_method,
        "payee": {"method": payee.method, "display": payee.display},
        "status": payment.status.value,
        "created_at": payment.payment_id,  # the same time in the same format
        "created_by": payment.created_by,
        "updated_at": to_text(payment.updated_at),
        "scheduled_at": maybe_text(payment.scheduled_at),
        "reference": payment.texts.reference,
        "description": payment.texts.description,
        "metadata": dict(payment.texts.metadata),
        "options": payment.texts.shown_options,
        "retry_of": payment.retry_of,
        "retried_by": payment.retried_by,
        "bulk_id": payment.bulk_id,
        "reason": payment.reason,
        "provider_status": payment.provider_status,
        "cancel_requested": payment.cancel_requested,
        "route": payment.route,
        "batch_id": payment.batch_id,
        "provider_item_id": payment.provider_item_id,
        "transaction_id": payment.transaction_id,
        "settled_at": maybe_text(payment.settled.at),
        "fee": money_body(payment.settled.fee),
        "exchange": exchange_body(payment.settled.exchange),
        "waiting_for": wait.reason.value if wait else None,
        "waiting_since": to_text(wait.since) if wait else None,
        "approval_rule": payment.approval_rule,
        "approvals_needed": payment.approvals_needed,
        "approvals": list(map(_approval_body, payment.approvals)),
        "erased_at": maybe_text(payment.erased_at),
        "history": [
            {
                "at": to_text(transition.at),
                "status": transition.status.value,
                "cause": transition.cause.value,
                "reference": transition.reference,
                "by": transition.by or None,
            }
            for transition in payment.history
        ],
    }


def _approval_body(approval: Approval) -> dict[str, Any]:
    by, note, void = approval.by or None, approval.note, approval.void
    return {"at": to_text(approval.at), "by": by, "note": note, "void": void}


class PaymentPageSchema(Schema):
    """One page of a customer's payments."""

    customer_id = customer_id()
    payments = fields.List(fields.Nested(PaymentSchema), required=True)
    next_cursor = Cursor(required=True, allow_none=True)


class PageQuerySchema(Schema):
    """Filters and position of a listing. Loads as a PageQuery."""

    limit = page_limit(
        "How many records to read. With `status`, those that do not match are "
        "left out, so a page may be short or empty and still have a next one: only a "
        "`next_cursor` of null marks the end."
    )
    cursor = Cursor(data_key="cursor", attribute="before")
    status = fields.Enum(
        Status, by_value=True, metadata={"description": "Only payments with this status."}
    )
    earliest = Boundary(
        time.min,
        data_key="from",
        metadata={
            "description": "Only payments requested at this time or later: a date (from 00:00 "
            "UTC), or a date and time with an offset."
        },
    )
    latest = Boundary(
        time.max,
        data_key="to",
        metadata={
            "description": "Only payments requested at this time or earlier: a date (to the end "
            "of that day, UTC), or a date and time with an offset."
        },
    )

    @post_load
    def make_query(self, data: dict[str, Any], **_: Any) -> PageQuery:
        """Return the loaded fields as a PageQuery."""
        return PageQuery(**data)
