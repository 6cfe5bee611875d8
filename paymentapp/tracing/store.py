"""A store that records each move of a payment in the payment's own trace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from paymentapp.models.payments import Payment, PaymentKey, Status
from paymentapp.storage.base import Store
from paymentapp.storage.changes import PaymentChange
from paymentapp.tracing.base import BATCH, PAYMENT, STATUS, Attributes, Tracing


def traced_store(store: Store, tracing: Tracing) -> Store:
    """Return the store itself where traces are off, else one that records moves of payments."""
    return cast(Store, _TracedStore(store, tracing)) if tracing.enabled else store


def linking_store(store: Store, tracing: Tracing) -> Store:
    """Return the store itself where traces are off, else one that links what reads payments.

    For the inbox: an event belongs to the payment that it is about, whether it moves it or not.
    """
    return cast(Store, _LinkingStore(store, tracing)) if tracing.enabled else store


class _TracedStore:
    """Passes each call on, and records the moves that were made.

    So whatever moves a payment (a batch, a poll, a webhook, a request) is linked to the trace of
    the request that the payment came with, and that trace to it.
    """

    def __init__(self, store: Store, tracing: Tracing) -> None:
        self._store = store
        self._tracing = tracing

    def change_payments(self, changes: Sequence[PaymentChange]) -> list[bool]:
        """Change payments, and record each move that was made."""
        made = self._store.change_payments(changes)
        for (old, new), is_made in zip(changes, made, strict=True):
            traceparent = new.traceparent or old.traceparent
            # That its provider has a payment is said by the span of the call that sent it.
            tells = new.status not in {old.status, Status.SUBMITTED}
            if is_made and traceparent is not None and tells:
                about: Attributes = {PAYMENT: new.payment_id, STATUS: new.status.value}
                batch = {BATCH: new.batch_id} if new.batch_id else {}
                self._tracing.moment(f"payment {new.status}", {**about, **batch}, traceparent)
        return made

    def __getattr__(self, name: str) -> Any:
        """Return what the store has under a name, and keep it, so that it is found at once."""
        found = getattr(self._store, name)
        if callable(found):
            setattr(self, name, found)
        return found


class _LinkingStore:
    """Passes each call on, and links the current span to each payment that is read."""

    def __init__(self, store: Store, tracing: Tracing) -> None:
        self._store = store
        self._tracing = tracing

    def get_payment(self, key: PaymentKey) -> Payment | None:
        """Return a payment, and link the current span to its trace."""
        payment = self._store.get_payment(key)
        if payment is not None and payment.traceparent is not None:
            self._tracing.link(payment.traceparent)
        return payment

    def __getattr__(self, name: str) -> Any:
        """Return what the store has under a name."""
        return getattr(self._store, name)
