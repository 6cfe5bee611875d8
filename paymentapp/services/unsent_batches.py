"""Batches that were certainly not sent: a payment can still be taken out of one."""

from __future__ import annotations

import logging

from paymentapp.clock import Clock
from paymentapp.models.batches import BatchState
from paymentapp.models.payments import Payment, Status
from paymentapp.storage.base import Store
from paymentapp.storage.contention import tries

log = logging.getLogger(__name__)

CANCELLED = "a member is cancelled"


def take_out(store: Store, clock: Clock, payment: Payment) -> bool:
    """Return whether a payment that is in a batch is certainly never sent with it.

    A batch of which no attempt has had an effect is taken apart, by one conditional write; the
    dispatcher then releases its other members. No provider is called. Raises StoreUnavailable.
    """
    if payment.status is not Status.SUBMITTING:
        return False
    for _ in tries():
        batch = store.get_batch(payment.batch_id or "")
        if batch is None or not batch.certainly_unsent:
            return batch is not None and batch.state is BatchState.ABORTED
        if store.change_batch(batch, batch.taken_apart(clock(), CANCELLED)):
            log.info("batch %s taken apart: %s", batch.batch_id, CANCELLED)
            return True
    return False
