"""What a request for a payment asks for, and whether two requests ask for the same."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import NamedTuple

from paymentapp.clock import to_text
from paymentapp.errors import KeyRefused, KeyReused
from paymentapp.models.caller_texts import NO_TEXTS, CallerTexts
from paymentapp.models.idempotency import IdempotencyRecord
from paymentapp.models.money import Money
from paymentapp.services.routing import FIRST_METHOD


class PaymentOrder(NamedTuple):
    """A payment request, validated against its schema."""

    customer_id: str
    email: str
    money: Money
    payment_method: str | None  # None: the customer's default or the routing rules decide
    scheduled_at: datetime | None = None  # UTC; None: it leaves as soon as it can
    retry_of: str | None = None  # id of the payment of this customer that it retries
    allow_duplicate: bool = False  # a payment like one before is meant
    texts: CallerTexts = NO_TEXTS
    bulk_id: str | None = None  # the bulk run whose row it is


def check_same_body(order: PaymentOrder, record: IdempotencyRecord) -> None:
    """Raise KeyReused unless an order means the same as the one that the record is of.

    Raises KeyRefused where it was refused for good under this key.

    An order without a method is not the same as one that names the first method. Versions up to 0.2
    took them for the same, so their records answer both.
    """
    same_method = record.names_method in (None, order.payment_method is not None)
    if record.fingerprint != fingerprint(order) or not same_method:
        raise KeyReused("This Idempotency-Key was used with another body.")
    if record.refusal is not None:
        raise KeyRefused(record.refusal)


def fingerprint(order: PaymentOrder) -> str:
    """Return a hash of what the body means: 12.50 and 12.5 are the same.

    It is the same whether the first method is named or none is (see `check_same_body`): so it was
    up to version 0.2, whose processes may run beside this one during an upgrade. What it means
    without `scheduled_at` and the caller's texts is as before those were known. A retry names its
    original instead of an e-mail, which may change meanwhile, and of the texts, which are the
    original's.
    """
    method = order.payment_method or FIRST_METHOD
    payee = f"retry of {order.retry_of}" if order.retry_of is not None else order.email
    parts = [order.customer_id, payee, str(order.money), method]
    if order.scheduled_at is not None:
        parts.append(to_text(order.scheduled_at))
    if order.retry_of is None and order.texts != NO_TEXTS:
        parts.append(order.texts.canonical)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
