"""Rows of a report of payments: its columns, their names and kinds.

The names and their order are part of the public interface: a new column is added at the end.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import NamedTuple

from paymentapp.models.caller_texts import Metadata
from paymentapp.models.currencies import full_amount
from paymentapp.models.money import Money
from paymentapp.models.payments import Payment, Status


class ColumnKind(Enum):
    """What the values of a column are; each may be missing."""

    TEXT = "text"
    AMOUNT = "amount"  # a Decimal, with all decimals of its currency
    DAY = "day"  # a date, in UTC
    MOMENT = "moment"  # a time, in UTC
    PAIRS = "pairs"  # names with texts, in the order of the names


class PaymentRow(NamedTuple):
    """A payment as a report has it; the fields are the columns, in their order."""

    customer_id: str
    payment_id: str
    created_at: datetime  # of the request
    amount: Decimal
    currency: str
    payment_method: str
    payee: str | None  # masked, or in full for who may; None for a customer who was erased
    status: str
    reference: str | None
    description: str | None
    created_by: str | None
    updated_at: datetime
    scheduled_at: datetime | None
    payout_date: date | None  # when it was paid: by the provider's time, else by when we learned it
    settled_at: datetime | None  # as the provider tells it
    returned_at: datetime | None
    fee_amount: Decimal | None
    fee_currency: str | None
    exchanged_amount: Decimal | None  # what was converted, and to what
    exchanged_currency: str | None
    received_amount: Decimal | None
    received_currency: str | None
    exchange_rate: str | None  # the provider's own text of digits, exact
    reason: str | None
    provider_status: str | None
    batch_id: str | None
    provider_item_id: str | None
    transaction_id: str | None
    retry_of: str | None
    retried_by: str | None
    bulk_id: str | None
    metadata: Metadata | None


Value = str | Decimal | date | datetime | Metadata | None

COLUMNS: tuple[str, ...] = PaymentRow._fields
_KINDS = {
    **dict.fromkeys(
        ("amount", "fee_amount", "exchanged_amount", "received_amount"), ColumnKind.AMOUNT
    ),
    **dict.fromkeys(
        ("created_at", "updated_at", "scheduled_at", "settled_at", "returned_at"),
        ColumnKind.MOMENT,
    ),
    "payout_date": ColumnKind.DAY,
    "metadata": ColumnKind.PAIRS,
}
KINDS: tuple[ColumnKind, ...] = tuple(_KINDS.get(name, ColumnKind.TEXT) for name in COLUMNS)


def row_of(payment: Payment, payee: str | None) -> PaymentRow:
    """Return the row of a payment; `payee` is what is shown of who is paid."""
    settled, exchange = payment.settled, payment.settled.exchange
    paid_at = _first(payment, Status.SUCCEEDED)
    return PaymentRow(
        customer_id=payment.customer_id,
        payment_id=payment.payment_id,
        created_at=payment.created_at,
        amount=full_amount(payment.money),
        currency=payment.money.currency,
        payment_method=payment.payment_method,
        payee=payee,
        status=payment.status.value,
        reference=payment.texts.reference,
        description=payment.texts.description,
        created_by=payment.created_by,
        updated_at=payment.updated_at,
        scheduled_at=payment.scheduled_at,
        payout_date=(settled.at or paid_at).date() if paid_at else None,
        settled_at=settled.at,
        returned_at=_first(payment, Status.RETURNED),
        fee_amount=_amount(settled.fee),
        fee_currency=_currency(settled.fee),
        exchanged_amount=_amount(exchange.source if exchange else None),
        exchanged_currency=_currency(exchange.source if exchange else None),
        received_amount=_amount(exchange.target if exchange else None),
        received_currency=_currency(exchange.target if exchange else None),
        exchange_rate=f"{exchange.rate:f}" if exchange and exchange.rate is not None else None,
        reason=payment.reason,
        provider_status=payment.provider_status,
        batch_id=payment.batch_id,
        provider_item_id=payment.provider_item_id,
        transaction_id=payment.transaction_id,
        retry_of=payment.retry_of,
        retried_by=payment.retried_by,
        bulk_id=payment.bulk_id,
        metadata=payment.texts.metadata or None,
    )


def _first(payment: Payment, status: Status) -> datetime | None:
    """Return when the payment first had a status; None where it never had."""
    return next((line.at for line in payment.history if line.status is status), None)


def _amount(money: Money | None) -> Decimal | None:
    return full_amount(money) if money else None


def _currency(money: Money | None) -> str | None:
    return money.currency if money else None
