"""The period that an operator's command covers."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from paymentapp.models.payments import Payment


class Period(NamedTuple):
    """From one time to another, inclusive."""

    start: datetime
    end: datetime

    def holds(self, payment: Payment) -> bool:
        """Return whether a payment was requested within the period."""
        return self.start <= payment.created_at <= self.end
