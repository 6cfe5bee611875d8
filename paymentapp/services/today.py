"""The figures of the page of today: what is open, and the latest payments; each read bounded.

They are kept for some seconds, so that people who look at the same time cost one read a process. A
read that hangs holds the thread of one request: the others show what was read before.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from itertools import islice
from typing import Generic, NamedTuple, TypeVar

from paymentapp.clock import Clock, to_text
from paymentapp.errors import StoreUnavailable
from paymentapp.models.account_payments import AccountQuery
from paymentapp.services.overview import Overview, Picture
from paymentapp.services.recent_payments import RecentPayments, figures, first_moment
from paymentapp.services.reports import PAGE, PaymentReports

OPEN_MAX = 1000  # payments of each status that are read
RECENT_MAX = 2000  # of the latest payments
KEPT_SECONDS = 5.0
RECENT_KEPT_SECONDS = 30.0  # figures of days change slowly, and are most of the work
WAIT_SECONDS = 3.0  # for another thread's first read

T = TypeVar("T")


class TodayFigures(NamedTuple):
    """What is open, the latest payments, and when each was read."""

    picture: Picture
    read_at: datetime
    recent: RecentPayments
    recent_at: datetime


class _Kept(Generic[T]):
    """A value that is read anew once it is some seconds old."""

    def __init__(self, read: Callable[[datetime], T], seconds: float) -> None:
        self._read = read
        self._seconds = seconds
        self._found: tuple[T, datetime] | None = None
        self._until = 0.0

    def get(self, clock: Clock, timer: Callable[[], float]) -> tuple[T, datetime]:
        """Return the value, and when it was read."""
        if self._found is None or timer() >= self._until:
            now = clock()
            self._found = self._read(now), now
            self._until = timer() + self._seconds
        return self._found

    def forget(self) -> None:
        """Read anew at the next question."""
        self._found = None


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
        self._picture = _Kept(self._open, KEPT_SECONDS)
        self._latest = _Kept(self._recent, RECENT_KEPT_SECONDS)
        self._last: TodayFigures | None = None

    def figures(self) -> TodayFigures:
        """Return the figures, up to the kept seconds old; older ones while another thread reads.

        Raises StoreUnavailable, also where there are none after WAIT_SECONDS.
        """
        last = self._last
        if not self._lock.acquire(timeout=WAIT_SECONDS if last is None else 0):
            if last is None:
                raise StoreUnavailable("another request has been reading these figures for long")
            return last
        try:
            self._last = TodayFigures(
                *self._picture.get(self._clock, self._timer),
                *self._latest.get(self._clock, self._timer),
            )
            return self._last
        finally:
            self._lock.release()

    def forget(self) -> None:
        """Read anew at the next question."""
        with self._lock:
            self._picture.forget()
            self._latest.forget()
            self._last = None

    def _open(self, _now: datetime) -> Picture:
        return self._overview.picture(OPEN_MAX)

    def _recent(self, now: datetime) -> RecentPayments:
        payments = self._reports.payments(AccountQuery(PAGE, earliest=to_text(first_moment(now))))
        latest = list(islice(payments, RECENT_MAX))
        return figures(latest, now, complete=next(payments, None) is None)
