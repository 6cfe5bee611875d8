"""Makers of payments: who may be taken for the one that requested a payment."""

from __future__ import annotations

from paymentapp.errors import NotAllowed
from paymentapp.models.actors import HOLD, Actor
from paymentapp.models.approvals import digests
from paymentapp.models.payments import Payment


def check_is_own(by: Actor, payment: Payment, done: str) -> None:
    """Raise NotAllowed where the payment is another client's, unless the actor may hold any.

    A payment of an earlier version names no client, so that no client is refused.
    """
    if not may_be_maker(by, payment) and not by.may(HOLD):
        raise NotAllowed(f"Only payments of the same client may be {done}.", HOLD)


def may_be_maker(by: Actor, payment: Payment) -> bool:
    """Return whether an actor may have requested a payment: it names none, or this client."""
    return payment.created_by is None or payment.created_by in by.identities


def is_maker(by: Actor, payment: Payment) -> bool:
    """Return whether an actor has requested a payment, under whichever of its identities."""
    maker = payment.approval.maker if payment.approval else frozenset()
    return payment.created_by in by.identities or not maker.isdisjoint(digests(by.identities))
