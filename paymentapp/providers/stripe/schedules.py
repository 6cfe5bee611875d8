"""Payout schedules of connected accounts: payouts that we make need the `manual` one.

With an automatic schedule Stripe pays the account's balance out by itself, also what a transfer of
ours has brought, by a payout that carries none of our ids. Ours then finds too little, and is
refused: https://docs.stripe.com/connect/manual-payouts
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from paymentapp.clock import Clock
from paymentapp.errors import ProviderError

log = logging.getLogger(__name__)

MANUAL = "manual"
_FRESH = timedelta(days=1)  # how long an account is not read again
_MAX_ACCOUNTS = 10_000  # remembered; then all are forgotten


class PayoutSchedules:
    """Reads each account's schedule once a day. Any number of threads may share it."""

    def __init__(self, ask: Callable[[str], str], clock: Clock) -> None:
        self._ask = ask
        self._clock = clock
        self._lock = threading.Lock()
        self._read_at: dict[str, datetime] = {}

    def warn_unless_manual(self, batch_id: str, account: str) -> None:
        """Log a warning for a schedule that would take the money before our payout.

        Nothing depends on the answer: one that cannot be read is left until tomorrow.
        """
        if not self._is_due(account):
            return
        try:
            interval = self._ask(account)
        except ProviderError as error:
            log.warning(
                "batch %s: the connected account's payout schedule was not read: %s; it has to be "
                "manual for payouts, and to read it a restricted key needs read on accounts",
                *(batch_id, error.code),
            )
            return
        if interval != MANUAL:
            log.warning(
                "batch %s: the connected account's payout schedule is %s: Stripe may pay out its "
                "balance before our payout, which is then refused; set the schedule to manual",
                *(batch_id, interval or "unknown"),
            )

    def _is_due(self, account: str) -> bool:
        now = self._clock()
        with self._lock:
            read_at = self._read_at.get(account)
            if read_at is not None and now - read_at < _FRESH:
                return False
            if len(self._read_at) >= _MAX_ACCOUNTS:
                self._read_at.clear()
            self._read_at[account] = now
            return True
