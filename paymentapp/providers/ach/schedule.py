"""When files are uploaded, when their entries settle, and when an entry counts as paid."""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from paymentapp.banking import EASTERN, next_banking_day, next_departure, returns_over
from paymentapp.clock import EPOCH
from paymentapp.providers.ach.settings import AchSettings


class FileDates(NamedTuple):
    """The dates of a file that is made now: its cutoff, and when its entries settle."""

    cutoff: datetime  # UTC
    effective: date
    next_day: date  # the effective date of payments above the same-day limit


def local(moment: datetime) -> datetime:
    """Return the time in New York, which the files and cutoffs of banks are in."""
    return moment.astimezone(ZoneInfo(EASTERN))


class CutoffSchedule:
    """The bank's windows, by the settings."""

    def __init__(self, settings: AchSettings) -> None:
        self._windows = settings.windows
        self._lead = settings.lead
        self._hold = settings.hold_days
        self._rehearsal = settings.rehearsal

    @property
    def is_rehearsal(self) -> bool:
        """Return whether banking days are a few seconds long, for trying out."""
        return self._rehearsal is not None

    def next_departure(self, now: datetime) -> datetime:
        """Return when a payment that is accepted now is due: the lead before the next cutoff."""
        if self._rehearsal:
            return now + self._rehearsal - (now - EPOCH) % self._rehearsal
        return next_departure(now + self._lead, self._windows).leaves_by - self._lead

    def file_dates(self, now: datetime) -> FileDates:
        """Return the dates of a file that is made now."""
        window = next_departure(now, self._windows)
        later = next_departure(now, self._windows, same_day=False)
        return FileDates(window.leaves_by, window.effective_date, later.effective_date)

    def settled_at(self, effective: date, cutoff: datetime, uploaded: datetime) -> datetime:
        """Return when the hold is over, counted from the day on which the entries settle.

        Within the hold a bank returns what it cannot credit. A file that was uploaded after its
        cutoff settles on the next banking day at the soonest.
        """
        if self._rehearsal:
            return uploaded + self._hold * self._rehearsal
        settles = self.settles_on(effective, cutoff, uploaded)
        return returns_over(settles, self._hold)

    def settles_on(self, effective: date, cutoff: datetime, uploaded: datetime) -> date:
        """Return the day on which the entries of a file settle."""
        if uploaded > cutoff:
            return max(effective, next_banking_day(local(uploaded).date()))
        return effective

    def waited_until(self, effective: date, uploaded: datetime, days: int) -> datetime:
        """Return when the waiting time of a prenote that settles on `effective` is over."""
        if self._rehearsal:
            return uploaded + days * self._rehearsal
        start = max(effective, local(uploaded).date())
        return returns_over(start, days)
