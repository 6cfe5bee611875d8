"""Payments that are tried again after they came back for lack of funds.

NACHA Operating Rules, Subsection 2.12.4: twice at most, within 180 days of the day on which the
original settled, under the description RETRY PYMT.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from paymentapp.banking import FUNDS_RETURNS, MOST_RETRIES, RETRIED_WITHIN
from paymentapp.clock import Clock
from paymentapp.errors import Conflict
from paymentapp.models.caller_texts import Metadata
from paymentapp.models.payments import Payment, Status
from paymentapp.providers.ach.entry_options import TRIED_AGAIN


class AchRetryRules:
    """Marks such retries, and refuses those that come too often or too late."""

    def __init__(self, name: str, clock: Clock) -> None:
        """`name` is that of the payment method."""
        self._name = name
        self._clock = clock

    def options(self, tried: Sequence[Payment]) -> Metadata:
        """Return the option that marks a retry; none where the payment came back otherwise."""
        came_back = list(takewhile(self._lacked_funds, tried))
        if not came_back:
            return ()
        elsewhere = f"retry it by another method than {self._name}"
        if len(came_back) > MOST_RETRIES:
            times = f"{len(came_back)} times"
            raise Conflict(f"It came back for lack of funds {times}, which is final: {elsewhere}.")
        first = came_back[-1]
        sent = [line.at for line in first.history if line.status is Status.SUBMITTED]
        if self._clock() - min(sent, default=first.created_at) > RETRIED_WITHIN:
            raise Conflict(f"It was first sent more than 180 days ago: {elsewhere}.")
        return ((TRIED_AGAIN, str(len(came_back))),)

    def _lacked_funds(self, payment: Payment) -> bool:
        came_back = payment.status is Status.RETURNED and payment.payment_method == self._name
        return came_back and payment.provider_status in FUNDS_RETURNS
