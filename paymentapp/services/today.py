"""The figures of the page of today: what is open, and the latest payments; each read bounded.

They are kept for some seconds, so that people who look at the same time cost one read a process.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from itertools import islice
from typing import NamedTuple

from paymentapp.clock import Clock, to_text
from paymentapp.models.account_payments import AccountQuery
from paymentapp.services.overview import Overview, Picture
from paymentapp.services.recent_payments import RecentPayments, figures, first_moment
from paymentapp.services.reports import PAGE, PaymentReports

OPEN_MAX = 1000  # payments of each status that are read
RECENT_MAX = 2000  # of the latest payments
KEPT_SECONDS = 5.0


class TodayFigures(NamedTuple):
    """What is open, the latest payments, and when both were read."""

    picture: Picture
    recent: RecentPayments
    read_at: datetime


class _Kept(NamedTuple):
    figures: TodayFigures
    until: float


class Today:
    """Reads the figures, for any number of threads."""

    def __init__(
        self,
        overview: Overview,
        reports: PaymentReports,
        clock: Clock,
        timer: Callable[[], float],
    ) -> None:
        """Make the service; `timer` counts the seconds for which figures are kept."""
        self._overview = overview
        self._reports = reports
        self._clock = clock
        self._timer = timer
        self._lock = threading.Lock()
        self._kept: _Kept | None = None

    def figures(self) -> TodayFigures:
        """Return the figures, up to KEPT_SECONDS old. Raises StoreUnavailable."""
        with self._lock:  # others wait for the thread that reads, and get the same
            kept = self._kept
            if kept is None or self._timer() >= kept.until:
                kept = _Kept(self._read(), self._timer() + KEPT_SECONDS)
                self._kept = kept
            return kept.figures

    def forget(self) -> None:
        """Read anew at the next question."""
        with self._lock:
            self._kept = None

    def _read(self) -> TodayFigures:
        now = self._clock()
        return TodayFigures(self._overview.picture(OPEN_MAX), self._recent(now), now)

    def _recent(self, now: datetime) -> RecentPayments:
        payments = self._reports.payments(AccountQuery(PAGE, earliest=to_text(first_moment(now))))
        latest = list(islice(payments, RECENT_MAX))
        return figures(latest, now, complete=next(payments, None) is None)
