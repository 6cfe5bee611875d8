"""Banking days of the Federal Reserve, and when a file has to leave to settle on one."""

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
    """A time of day by which a file must have left, in New York's local time."""

    name: str
    cutoff: time
    same_day: bool


@dataclass(frozen=True, slots=True)
class Departure:
    """When a file has to have left (UTC), and the date on which its entries are to settle."""

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
    """Whether the Federal Reserve Banks settle on `day`.

    They do not on weekends and holidays; a holiday on a Sunday is observed on Monday, one on a
    Saturday is not moved ("Holidays Observed by the Federal Reserve System", federalreserve.gov).
    """
    return day.weekday() < 5 and day not in _holidays(day.year)


def next_banking_day(day: date) -> date:
    """The first banking day after `day`."""
    return add_banking_days(day, 1)


def add_banking_days(day: date, count: int) -> date:
    """The `count`th banking day after `day`; 0 is `day` itself, if it is one, or the next.

    Raises ValueError for a negative count.
    """
    if count < 0:
        raise ValueError("banking days are counted forward")
    if count == 0:
        return day if is_banking_day(day) else add_banking_days(day, 1)
    while count:
        day += _ONE_DAY
        count -= is_banking_day(day)
    return day


def next_departure(
    now: datetime, windows: Sequence[Window] = SAME_DAY_WINDOWS, *, same_day: bool = True
) -> Departure:
    """The next window that is still open at `now` (aware), and the effective entry date.

    A same-day window settles on the day that the file leaves, any other on the next banking day;
    so does every window where `same_day` is False, for payments above the limit. A file that would
    leave at the cut-off itself is late. Raises ValueError without windows or with a naive time.
    """
    if not windows:
        raise ValueError("there is no window by which a file could leave")
    if now.tzinfo is None:
        raise ValueError("a time without a zone")
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
    """Whether a payment of `amount` USD may settle on the day that it leaves."""
    return amount <= limit


@lru_cache(maxsize=16)
def _holidays(year: int) -> frozenset[date]:
    """The days of `year` on which the Reserve Banks are closed, weekends aside.

    A set a year, and not the library's object, which fills itself while it is being asked and so
    may answer wrongly to two threads.
    """
    from holidays.financial.federal_reserve import FederalReserve  # here: it costs a cold start

    return frozenset(FederalReserve(years=year))  # type: ignore[no-untyped-call]
