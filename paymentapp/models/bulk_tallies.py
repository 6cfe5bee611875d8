"""Tallies of bulk runs: how many of a run's payments have which status, as of a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from paymentapp.models.payments import FINAL

# Pauses between two tallies of a run: a quarter of the time since its end, but at least this long,
# and longer for one with many payments; once all have a final status, which may still become
# `returned`, as long as it has been.
PAUSE = timedelta(seconds=10)
PAUSE_OF_CHUNK = timedelta(seconds=0.1)
FINAL_PAUSE = timedelta(hours=1)
TALLIED_FOR = timedelta(days=35)  # after which nothing is counted any more


class BulkTally(NamedTuple):
    """The number of a run's payments by status."""

    counts: Mapping[str, int]
    as_of: datetime

    @property
    def is_final(self) -> bool:
        """Return whether every payment had a final status."""
        return self.counts.keys() <= FINAL


def added_up(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Return the sums of counts, by status."""
    total: dict[str, int] = {}
    for each in counts:
        for status, count in each.items():
            total[status] = total.get(status, 0) + count
    return total


def next_tally(ended_at: datetime, chunks: int, last: BulkTally | None) -> datetime | None:
    """Return when the payments of a run that has ended are counted next; None for never."""
    since = last.as_of if last else ended_at
    age = since - ended_at
    if age > TALLIED_FOR:
        return None
    pause = max(PAUSE, age / 4, chunks * PAUSE_OF_CHUNK)
    if last is not None and last.is_final:
        pause = max(FINAL_PAUSE, age)
    return since + pause
