"""Times in the simulators: microseconds since 1970, UTC, by a clock that tests can set."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
DAY = 24 * 3600 * 1_000_000


def utc_now() -> datetime:
    """Return the machine's time."""
    return datetime.now(UTC)


def micros(moment: datetime) -> int:
    """Convert an aware datetime to microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def span(seconds: float) -> int:
    """Convert a duration to microseconds."""
    return round(seconds * 1_000_000)


def rfc3339(moment: int) -> str:
    """Format a time as PayPal does, to the second: ``2026-03-01T09:30:00Z``."""
    return f"{_EPOCH + timedelta(seconds=moment // 1_000_000):%Y-%m-%dT%H:%M:%SZ}"
