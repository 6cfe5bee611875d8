"""Payments that await approval, for operators."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from paymentapp.clock import Clock
from paymentapp.models.payments import Payment, Status
from paymentapp.services.approvals import ANSWER_WITHIN
from paymentapp.services.schedules import SCHEDULE_MAX
from paymentapp.storage.base import Store

# How long ago a payment was requested that may wait: one that was approved, scheduled, and whose
# approval became void when it was to leave. The rest is for other clocks.
_OLDEST = SCHEDULE_MAX + 2 * ANSWER_WITHIN + timedelta(days=1)


@dataclass(frozen=True, slots=True)
class UnapprovedPayments:
    """Lists payments that await approval. `progress` is told what has been read."""

    store: Store
    clock: Clock
    progress: Callable[[str], None]

    def list(self) -> list[Payment]:
        """Return the payments that await approval, oldest first. Reads the whole table."""
        now = self.clock()
        found = []
        scan = self.store.scan_payments(now - _OLDEST, now + timedelta(days=1))
        for number, payment in enumerate(scan, start=1):
            if payment.status is Status.AWAITING_APPROVAL:
                found.append(payment)
            self.progress(f"{number} payments read")
        return sorted(found, key=lambda payment: payment.payment_id)
