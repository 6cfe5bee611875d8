"""When files leave, when their entries settle, and when what has not come back has arrived."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from paymentapp.banking import EASTERN, add_banking_days, next_banking_day, next_departure
from paymentapp.clock import EPOCH
from paymentapp.providers.ach.settings import AchSettings


class Leaving(NamedTuple):
    """A file that leaves now: by when the bank has to have it, and when its entries settle."""

    cutoff: datetime  # UTC
    effective: date
    next_day: date  # the same for payments above the same-day limit


def local(moment: datetime) -> datetime:
    """The time in New York, which banks' files and cut-offs are in."""
    return moment.astimezone(ZoneInfo(EASTERN))


class CutoffSchedule:
    """The bank's windows, as set."""

    def __init__(self, settings: AchSettings) -> None:
        self._windows = settings.windows
        self._lead = settings.lead
        self._hold = settings.hold_days
        self._rehearsal = settings.rehearsal

    def next_departure(self, now: datetime) -> datetime:
        """When a payment that is accepted now leaves: so long before the next window's cut-off
        that its file is there in time."""
        if self._rehearsal:
            return now + self._rehearsal - (now - EPOCH) % self._rehearsal
        return next_departure(now + self._lead, self._windows).leaves_by - self._lead

    def leaving(self, now: datetime) -> Leaving:
        """The window that a file made now goes by, and what follows from it."""
        window = next_departure(now, self._windows)
        later = next_departure(now, self._windows, same_day=False)
        return Leaving(window.leaves_by, window.effective_date, later.effective_date)

    def settled_at(self, effective: date, cutoff: datetime, uploaded: datetime) -> datetime:
        """When the hold is over: the days in which a bank may send back what it cannot credit
        have passed, counted from the day on which the entries settled.

        A file that came too late for its window settles on the next banking day at the soonest.
        """
        if self._rehearsal:
            return uploaded + self._hold * self._rehearsal
        if uploaded > cutoff:
            effective = max(effective, next_banking_day(local(uploaded).date()))
        return self._morning_after(add_banking_days(effective, self._hold))

    def waited_until(self, effective: date, uploaded: datetime, days: int) -> datetime:
        """When the waiting time of a prenote that settles on `effective` is over."""
        if self._rehearsal:
            return uploaded + days * self._rehearsal
        start = max(effective, local(uploaded).date())
        return self._morning_after(add_banking_days(start, days))

    def _morning_after(self, day: date) -> datetime:
        midnight = datetime.combine(day + timedelta(days=1), datetime.min.time(), ZoneInfo(EASTERN))
        return midnight.astimezone(UTC)
