"""Banking days and departures at the edges: holidays on weekends, clock changes, cutoffs."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paymentapp.banking import (
    EASTERN,
    SAME_DAY_LIMIT,
    SAME_DAY_WINDOWS,
    Window,
    add_banking_days,
    fits_same_day,
    is_banking_day,
    next_banking_day,
    next_departure,
    returns_over,
)

EVENING = Window("evening", time(20, 0), same_day=False)


def eastern(*parts: int) -> datetime:
    """Return a time of New York's clocks, in UTC."""
    return datetime(*parts, tzinfo=ZoneInfo(EASTERN)).astimezone(UTC)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    "day",
    [
        date(2026, 11, 11),  # Veterans Day, a Wednesday
        date(2026, 11, 26),  # Thanksgiving
        date(2026, 10, 12),  # Columbus Day
        date(2023, 1, 2),  # New Year was a Sunday
        date(2027, 7, 5),  # Independence Day is a Sunday
        date(2022, 6, 20),  # Juneteenth was a Sunday
        date(2026, 6, 19),  # Juneteenth, a Friday
        date(2026, 1, 1),
        date(2026, 1, 3),  # a Saturday
        date(2026, 1, 4),  # a Sunday
    ],
)
def test_not_a_banking_day(day: date) -> None:
    assert not is_banking_day(day)


@pytest.mark.parametrize(
    "day",
    [
        date(2027, 6, 18),  # Juneteenth 2027 is a Saturday, and is not moved to this Friday
        date(2026, 7, 3),  # nor is Independence Day 2026
        date(2021, 12, 31),  # nor was New Year 2022
        date(2021, 12, 24),  # nor was Christmas 2021
        date(2026, 11, 27),  # the day behind Thanksgiving
        date(2020, 6, 19),  # before Juneteenth was a holiday
        date(2026, 1, 2),
    ],
)
def test_a_banking_day(day: date) -> None:
    assert is_banking_day(day)


def test_the_next_banking_day() -> None:
    assert next_banking_day(date(2026, 1, 5)) == date(2026, 1, 6)
    assert next_banking_day(date(2026, 1, 2)) == date(2026, 1, 5)
    assert next_banking_day(date(2022, 12, 30)) == date(2023, 1, 3)  # over New Year on a Sunday
    assert next_banking_day(date(2027, 6, 17)) == date(2027, 6, 18)


def test_so_many_banking_days_on() -> None:
    assert add_banking_days(date(2026, 11, 25), 2) == date(2026, 11, 30)
    assert add_banking_days(date(2026, 11, 25), 0) == date(2026, 11, 25)
    assert add_banking_days(date(2026, 11, 26), 0) == date(2026, 11, 27)
    with pytest.raises(ValueError, match="must not be negative"):
        add_banking_days(date(2026, 11, 25), -1)


@given(st.dates(date(2000, 1, 1), date(2099, 1, 1)), st.integers(1, 30))
def test_banking_days_are_counted_one_by_one(day: date, count: int) -> None:
    end = add_banking_days(day, count)
    between = (day + timedelta(days=n) for n in range(1, (end - day).days + 1))
    assert sum(is_banking_day(d) for d in between) == count
    assert is_banking_day(end)


@pytest.mark.parametrize(
    ("now", "window", "leaves_by", "effective"),
    [
        # Wednesday morning; winter is five hours behind UTC, summer four.
        ((2026, 1, 14, 9), "same-day-1", "2026-01-14T15:30", date(2026, 1, 14)),
        ((2026, 7, 15, 9), "same-day-1", "2026-07-15T14:30", date(2026, 7, 15)),
        # At the cut-off it is too late for the window.
        ((2026, 1, 14, 10, 29, 59), "same-day-1", "2026-01-14T15:30", date(2026, 1, 14)),
        ((2026, 1, 14, 10, 30), "same-day-2", "2026-01-14T19:45", date(2026, 1, 14)),
        ((2026, 1, 14, 14, 45), "same-day-3", "2026-01-14T21:45", date(2026, 1, 14)),
        # Behind the last same-day window the evening file settles on the next banking day.
        ((2026, 1, 14, 16, 45), "evening", "2026-01-15T01:00", date(2026, 1, 15)),
        ((2026, 1, 16, 17), "evening", "2026-01-17T01:00", date(2026, 1, 20)),  # Monday: M. L. King
        # Behind all windows, on weekends and holidays: the first window of the next banking day.
        ((2026, 1, 14, 20), "same-day-1", "2026-01-15T15:30", date(2026, 1, 15)),
        ((2026, 1, 16, 23), "same-day-1", "2026-01-20T15:30", date(2026, 1, 20)),
        ((2026, 11, 26, 9), "same-day-1", "2026-11-27T15:30", date(2026, 11, 27)),
        ((2026, 1, 3, 9), "same-day-1", "2026-01-05T15:30", date(2026, 1, 5)),
        # The clocks change in between: Sunday 2026-03-08 and Sunday 2026-11-01.
        ((2026, 3, 6, 21), "same-day-1", "2026-03-09T14:30", date(2026, 3, 9)),
        ((2026, 10, 30, 21), "same-day-1", "2026-11-02T15:30", date(2026, 11, 2)),
    ],
)
def test_the_next_departure(
    now: tuple[int, ...], window: str, leaves_by: str, effective: date
) -> None:
    found = next_departure(eastern(*now), (EVENING, *SAME_DAY_WINDOWS))
    assert found.window.name == window
    assert found.leaves_by == datetime.fromisoformat(leaves_by).replace(tzinfo=UTC)
    assert found.leaves_by.tzinfo is UTC
    assert found.effective_date == effective


def test_the_day_is_new_yorks_and_not_utcs() -> None:
    """Use the date there: at 02:00 UTC on Saturday it is Friday evening."""
    now = datetime(2026, 1, 10, 0, 30, tzinfo=UTC)
    assert next_departure(now, [EVENING]).leaves_by == datetime(2026, 1, 10, 1, 0, tzinfo=UTC)
    assert next_departure(now, [EVENING]).effective_date == date(2026, 1, 12)


def test_a_payment_above_the_same_day_limit_settles_a_day_later() -> None:
    now = eastern(2026, 1, 14, 9)
    found = next_departure(now, SAME_DAY_WINDOWS, same_day=False)
    assert found.window.name == "same-day-1"
    assert found.effective_date == date(2026, 1, 15)


def test_the_same_day_limit_is_a_million_dollars() -> None:
    assert Decimal("1000000.00") == SAME_DAY_LIMIT
    assert fits_same_day(Decimal("1000000.00"))
    assert not fits_same_day(Decimal("1000000.01"))
    assert not fits_same_day(Decimal("100.01"), limit=Decimal(100))


def test_the_operators_windows() -> None:
    assert [window.cutoff for window in SAME_DAY_WINDOWS] == [
        time(10, 30),
        time(14, 45),
        time(16, 45),
    ]
    assert all(window.same_day for window in SAME_DAY_WINDOWS)


def test_a_departure_needs_a_window_and_a_zone() -> None:
    with pytest.raises(ValueError, match="at least one window"):
        next_departure(datetime(2026, 1, 14, tzinfo=UTC), [])
    with pytest.raises(ValueError, match="must have a zone"):
        next_departure(datetime(2026, 1, 14), [EVENING])  # noqa: DTZ001


@given(st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_a_departure_is_ahead_and_on_a_banking_day(now: datetime) -> None:
    found = next_departure(now, (*SAME_DAY_WINDOWS, EVENING))
    leaves = found.leaves_by.astimezone(ZoneInfo(EASTERN))
    assert found.leaves_by > now
    assert is_banking_day(leaves.date())
    assert leaves.time() == found.window.cutoff
    assert is_banking_day(found.effective_date)


@pytest.mark.parametrize("heavy", ["holidays", "stdnum"])
def test_what_is_heavy_is_loaded_when_it_is_needed(heavy: str) -> None:
    code = f"import sys, paymentapp.banking, paymentapp.nacha; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("settles", "hold", "over"),
    [
        (date(2026, 3, 4), 0, datetime(2026, 3, 5, 5, tzinfo=UTC)),
        (date(2026, 3, 4), 5, datetime(2026, 3, 12, 4, tzinfo=UTC)),  # summer time by then
        (date(2026, 3, 7), 0, datetime(2026, 3, 10, 4, tzinfo=UTC)),  # a Saturday: on Monday
    ],
)
def test_the_time_of_returns_ends_with_a_day_in_new_york(
    settles: date, hold: int, over: datetime
) -> None:
    assert returns_over(settles, hold) == over
