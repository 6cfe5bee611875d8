"""Looks at accepted batches: how often they come, and what comes of one."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from paymentapp.models.batches import Batch

FIRST_POLL_AFTER = timedelta(seconds=1)
LONGEST_POLL_INTERVAL = timedelta(hours=6)


class Poll(NamedTuple):
    """A batch after a look at its provider, and whether the provider has answered."""

    batch: Batch
    answered: bool


def poll_interval(age: timedelta) -> timedelta:
    """Looks come ever more rarely: the next one when the age has grown by half."""
    return min(max(age / 2, FIRST_POLL_AFTER), LONGEST_POLL_INTERVAL)


def next_poll_at(since: datetime, now: datetime) -> datetime:
    """When to look again at what has been going on since then."""
    return now + poll_interval(now - since)
