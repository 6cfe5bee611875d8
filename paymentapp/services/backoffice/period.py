"""The period that an operator's command looks at."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from paymentapp.models.payments import Payment


class Period(NamedTuple):
    """What an operator's command looks at: from a moment up to another, inclusively."""

    start: datetime
    end: datetime

    def holds(self, payment: Payment) -> bool:
        return self.start <= payment.created_at <= self.end
