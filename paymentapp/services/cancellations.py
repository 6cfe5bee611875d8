"""What becomes of a payment whose cancellation is requested."""

from __future__ import annotations

from collections.abc import Mapping

from paymentapp.clock import Clock
from paymentapp.errors import Conflict
from paymentapp.models.actors import Actor
from paymentapp.models.payments import UNSENT, Cause, Payment, Status
from paymentapp.providers.base import Provider
from paymentapp.services.unsent_batches import take_out
from paymentapp.storage.base import Store


def may_recall(providers: Mapping[str, Provider], payment: Payment) -> bool:
    """Return whether the provider may be asked to take back a payment that it has."""
    if payment.status is not Status.SUBMITTED:
        return payment.status is Status.UNCLAIMED
    provider = providers.get(payment.payment_method)
    recall = provider.recall if provider else None
    return recall is not None and recall.may_recall(payment)


def cancelled(
    store: Store, providers: Mapping[str, Provider], payment: Payment, by: Actor, clock: Clock
) -> Payment:
    """Return the next version of a payment: cancelled, or to be recalled from its provider.

    What is in a batch that certainly was not sent is taken out of it first. Raises Conflict where
    it is too late, StoreUnavailable.
    """
    now = clock()
    if payment.status in UNSENT or take_out(store, clock, payment):
        return payment.moved(Status.CANCELLED, now, Cause.REQUEST, by=by.name, due_at=None)
    if may_recall(providers, payment):
        return payment.changed(cancel_requested=True, due_at=now)
    raise Conflict(f"It is too late to cancel: the payment is {payment.status}.")
