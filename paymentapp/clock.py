"""UTC time: the clock of the service, and the text form of times."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def utc_now() -> datetime:
    """Return the current time in UTC, with time zone."""
    return datetime.now(UTC)


def to_text(moment: datetime) -> str:
    """Return a time as ISO 8601 UTC with microseconds; the texts sort as the times do.

    >>> to_text(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    '2026-01-02T03:04:05.000000Z'
    """
    in_utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return in_utc.isoformat(timespec="microseconds")[:-6] + "Z"


def from_text(text: str) -> datetime:
    """Return the time of a text that `to_text` wrote, or of any ISO 8601 time with an offset.

    Raises ValueError where the text is no such time.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"the time {text!r} has no UTC offset")
    return moment.astimezone(UTC)


def maybe_time(text: str | None) -> datetime | None:
    """Return the time of a text; None for None or an empty text."""
    return from_text(text) if text else None


def maybe_text(moment: datetime | None) -> str | None:
    """Return the text of a time; None for None."""
    return to_text(moment) if moment else None
