"""Looks at accepted batches: how often they come, and what comes of one."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from paymentapp.models.batches import Batch

FIRST_LOOK = timedelta(seconds=1)
SLOWEST_LOOK = timedelta(hours=6)


class Look(NamedTuple):
    """A batch after a look at its provider, and whether the provider has answered."""

    batch: Batch
    answered: bool


def look_pause(age: timedelta) -> timedelta:
    """Looks come ever more rarely: the next one when the age has grown by half."""
    return min(max(age / 2, FIRST_LOOK), SLOWEST_LOOK)


def next_look(since: datetime, now: datetime) -> datetime:
    """When to look again at what has been going on since then."""
    return now + look_pause(now - since)
