"""Banking days of the Federal Reserve, and the cutoffs by which a file settles on one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

EASTERN = "America/New_York"
SAME_DAY_LIMIT = Decimal(1_000_000)  # USD a payment since 2022-03-18 (Nacha, Same Day ACH)
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Window:
    """A cutoff: the time of day, in New York, by which a file must have been uploaded."""

    name: str
    cutoff: time
    same_day: bool


@dataclass(frozen=True, slots=True)
class Departure:
    """The cutoff of a file (UTC), and the date on which its entries are to settle."""

    window: Window
    leaves_by: datetime
    effective_date: date


# The operators' own deadlines for same-day entries (frbservices.org, "ACH Operators announce third
# Same Day ACH processing schedule"). A bank sets earlier ones for its customers: settings replace
# these.
SAME_DAY_WINDOWS = (
    Window("same-day-1", time(10, 30), same_day=True),
    Window("same-day-2", time(14, 45), same_day=True),
    Window("same-day-3", time(16, 45), same_day=True),
)


def is_banking_day(day: date) -> bool:
    """Return whether the Federal Reserve Banks settle on `day`: no weekend, no holiday.

    A holiday on a Sunday is observed on Monday; one on a Saturday is not moved ("Holidays Observed
    by the Federal Reserve System", federalreserve.gov).
    """
    return day.weekday() < 5 and day not in _holidays(day.year)


def next_banking_day(day: date) -> date:
    """Return the first banking day after `day`."""
    return add_banking_days(day, 1)


def add_banking_days(day: date, count: int) -> date:
    """Return the `count`th banking day after `day`.

    A count of 0 gives `day` itself if it is a banking day, and the next one otherwise. Raises
    ValueError for a negative count.
    """
    if count < 0:
        raise ValueError("the number of banking days must not be negative")
    if count == 0:
        return day if is_banking_day(day) else add_banking_days(day, 1)
    while count:
        day += _ONE_DAY
        count -= is_banking_day(day)
    return day


def returns_over(settles: date, hold: int) -> datetime:
    """Return when the time of returns of an entry is over: `hold` banking days after it settles.

    UTC: the midnight in New York that ends the last of those days.
    """
    after = add_banking_days(settles, hold) + _ONE_DAY
    return datetime.combine(after, time(), ZoneInfo(EASTERN)).astimezone(UTC)


def next_departure(
    now: datetime, windows: Sequence[Window] = SAME_DAY_WINDOWS, *, same_day: bool = True
) -> Departure:
    """Return the next window that is still open at `now` (aware), and the effective entry date.

    A same-day window settles on its own day, any other on the next banking day. `same_day=False`
    is for payments above the same-day limit: every window then settles on the next banking day. A
    file uploaded at the cutoff itself is late. Raises ValueError without windows or with a naive
    time.
    """
    if not windows:
        raise ValueError("at least one window is needed")
    if now.tzinfo is None:
        raise ValueError("the time must have a zone")
    eastern = ZoneInfo(EASTERN)
    day = add_banking_days(now.astimezone(eastern).date(), 0)
    in_order = sorted(windows, key=lambda window: window.cutoff)
    while True:
        for window in in_order:
            leaves_by = datetime.combine(day, window.cutoff, eastern).astimezone(UTC)
            if now < leaves_by:
                settles_today = window.same_day and same_day
                return Departure(window, leaves_by, day if settles_today else next_banking_day(day))
        day = next_banking_day(day)


def fits_same_day(amount: Decimal, limit: Decimal = SAME_DAY_LIMIT) -> bool:
    """Return whether a payment of `amount` USD may settle on the day that it is sent."""
    return amount <= limit


@lru_cache(maxsize=16)
def _holidays(year: int) -> frozenset[date]:
    """Return the days of `year` on which the Reserve Banks are closed, weekends aside.

    A frozen set for each year instead of the library's own object: that one fills itself on lookup
    and is not safe to share between threads.
    """
    from holidays.financial.federal_reserve import FederalReserve  # lazily, for Lambda cold starts

    return frozenset(FederalReserve(years=year))  # type: ignore[no-untyped-call]
