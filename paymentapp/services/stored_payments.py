"""Payments that are on record, or else NotFound."""

from __future__ import annotations

from paymentapp.errors import NotFound
from paymentapp.models.payments import Payment, PaymentKey
from paymentapp.storage.base import Store


def stored_payment(store: Store, key: PaymentKey) -> Payment:
    """Return a payment, by a consistent read. Raises NotFound, StoreUnavailable."""
    payment = store.get_payment(key)
    if payment is None:
        raise NotFound("This customer has no such payment.")
    return payment
