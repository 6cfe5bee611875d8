"""Approvals at dispatch: void ones are needed again, and payments that nobody answers are ended."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from paymentapp.clock import Clock
from paymentapp.models.approvals import with_voids
from paymentapp.models.payments import Cause, Payment, Status
from paymentapp.services.approvals import ANSWER_WITHIN, payee_version
from paymentapp.storage.base import Store
from paymentapp.storage.changes import PaymentChange

log = logging.getLogger(__name__)

APPROVALS_VOID = "details have changed since the approval"
EXPIRED = "expired"  # the reason of a rejection that nobody has decided


def still_approved(store: Store, clock: Clock, payments: Sequence[Payment]) -> list[Payment]:
    """Return pending payments without those that need approval, and do not have it any more.

    This is the last check before a payment enters a batch. Payments that no rule covers cost
    nothing. Raises StoreUnavailable.
    """
    now = clock()
    changes = [
        PaymentChange(payment, back)
        for payment in payments
        if payment.approval is not None
        and (back := _back_for_approval(store, payment, now)) is not None
    ]
    if not changes:
        return list(payments)
    store.change_payments(changes)  # one that is lost was changed meanwhile, and waits as well
    for change in changes:
        log.warning("payment %s %s not sent: %s", *change.old.key, APPROVALS_VOID)
    void = {change.old.key for change in changes}
    return [payment for payment in payments if payment.key not in void]


def _back_for_approval(store: Store, payment: Payment, now: datetime) -> Payment | None:
    """Return a payment as it awaits approval again; None where it is approved."""
    version = payee_version(payment, store.get_customer(payment.customer_id))
    checked = payment.changed(approvals=with_voids(payment.approvals, version))
    if checked.is_approved:
        return None
    return checked.moved(
        *(Status.AWAITING_APPROVAL, now, Cause.DISPATCH, APPROVALS_VOID),
        due_at=now + ANSWER_WITHIN,
    )


def is_expired(payment: Payment, now: datetime) -> bool:
    """Return whether a payment has awaited approval for too long."""
    due_at = payment.due_at
    return payment.status is Status.AWAITING_APPROVAL and due_at is not None and due_at <= now


def expire(store: Store, clock: Clock, payment: Payment) -> None:
    """Reject a payment that nobody has answered in time, unless it has changed meanwhile.

    Raises StoreUnavailable.
    """
    rejected = payment.moved(
        *(Status.REJECTED, clock(), Cause.DISPATCH, EXPIRED), reason=EXPIRED, due_at=None
    )
    if store.change_payments([PaymentChange(payment, rejected)])[0]:
        log.warning("payment %s %s rejected: not approved in time", *payment.key)
