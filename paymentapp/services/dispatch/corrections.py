"""Corrected details reach payments that are not in a batch yet."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from paymentapp.models.payments import Payment
from paymentapp.providers.base import Provider
from paymentapp.storage.base import Store
from paymentapp.storage.changes import PaymentChange

log = logging.getLogger(__name__)


def with_current_details(
    store: Store, provider: Provider, payments: Sequence[Payment]
) -> list[Payment]:
    """Return pending payments with the details that their provider has corrected since.

    Those that another process has changed meanwhile are left out: they are its to send. Raises
    StoreUnavailable.
    """
    if provider.corrections is None:
        return list(payments)
    current = [
        provider.corrections.current(payment.destination) if payment.destination else None
        for payment in payments
    ]
    changes = {
        payment.key: PaymentChange(payment, payment.changed(destination=destination))
        for payment, destination in zip(payments, current, strict=True)
        if destination != payment.destination
    }
    if not changes:
        return list(payments)
    done = store.change_payments(list(changes.values()))
    made = {key: change.new for (key, change), ok in zip(changes.items(), done, strict=True) if ok}
    for key in made:
        log.info("payment %s %s takes the corrected details of %s", *key, provider.name)
    return [
        made.get(payment.key, payment)
        for payment in payments
        if payment.key in made or payment.key not in changes
    ]
