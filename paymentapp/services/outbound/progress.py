"""How far each follower of the list of events has come, and since when it fails.

A follower is a webhook endpoint, or the topic. Its progress is kept apart from the endpoint's
record, which people change: as an entry of the store's own.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple, Protocol

from paymentapp.clock import maybe_text, maybe_time
from paymentapp.models.provider_state import StateEntry, update_state_entry
from paymentapp.storage.base import Store
from paymentapp.storage.codec.events import event_id_of, microseconds_of

UNWRITTEN_MAX = 200  # events that were delivered since progress was written


class EventFollower(Protocol):
    """What follows the list of events, from the time at which it was made."""

    @property
    def progress_name(self) -> str:
        """Return the name of the entry that its progress is kept in."""

    @property
    def created_at(self) -> datetime:
        """Return the time from which on it gets events."""


class FollowerProgress(NamedTuple):
    """The id of the last event that was passed on, or recorded to be; since when attempts fail."""

    after: str
    failing_since: datetime | None = None

    @property
    def text(self) -> str:
        """Return the progress as stored."""
        return f"{self.after} {maybe_text(self.failing_since) or ''}"


def read_progress(store: Store, follower: EventFollower) -> FollowerProgress:
    """Return the progress of a follower: at first, the time at which it was made."""
    entry = store.get_state_entry(follower.progress_name)
    return _read(entry.text) if entry else _start(follower)


def begin_progress(store: Store, follower: EventFollower) -> FollowerProgress:
    """Return the progress of a follower, and store its start where none is stored."""
    entry = store.get_state_entry(follower.progress_name)
    if entry is None:
        start = StateEntry.new(follower.progress_name, _start(follower).text)
        entry = store.add_state_entry(start)
    return _read(entry.text)


def advance(
    store: Store, follower: EventFollower, after: str, failing_since: datetime | None
) -> None:
    """Store progress: never back behind what another process has reached."""

    def change(text: str) -> str:
        return FollowerProgress(max(after, _read(text).after), failing_since).text

    update_state_entry(store, follower.progress_name, _start(follower).text, change)


class KeptProgress:
    """The progress of one follower in one process, written at intervals while nothing fails.

    A crash repeats what was delivered since: that of `seconds`, and at most UNWRITTEN_MAX events
    and one round. A write in each round would delay the writes of those who request payments.
    """

    def __init__(self, seconds: float = 0.0, timer: Callable[[], float] = time.monotonic) -> None:
        """Make a record of progress that is written in each round, or every `seconds`."""
        self.seconds = seconds
        self._timer = timer
        self._written_at = -math.inf  # so the first progress is written at once
        self._after = ""
        self._unwritten = 0

    @property
    def is_unwritten(self) -> bool:
        """Return whether events were delivered since progress was written."""
        return self._unwritten > 0

    def read(self, store: Store, follower: EventFollower) -> FollowerProgress:
        """Return the progress that is stored, or what was reached since."""
        stored = read_progress(store, follower)
        self._after = max(stored.after, self._after)
        return stored._replace(after=self._after)

    def advance(
        self,
        store: Store,
        follower: EventFollower,
        progress: FollowerProgress,
        *,
        delivered: int,
        at_once: bool,
    ) -> None:
        """Take over new progress; write it where it is time, or `at_once`."""
        if progress.after > self._after:
            self._after, self._unwritten = progress.after, self._unwritten + max(delivered, 1)
        is_time = self._timer() - self._written_at >= self.seconds
        if at_once or (self._unwritten and (is_time or self._unwritten >= UNWRITTEN_MAX)):
            self._write(store, follower, progress.failing_since)

    def write(self, store: Store, follower: EventFollower) -> None:
        """Write what is not written yet, before another process takes over."""
        if self._unwritten:
            self._write(store, follower, read_progress(store, follower).failing_since)

    def _write(self, store: Store, follower: EventFollower, failing_since: datetime | None) -> None:
        advance(store, follower, self._after, failing_since)
        self._unwritten, self._written_at = 0, self._timer()


def forget_failures(store: Store, follower: EventFollower) -> None:
    """Count failures anew from now on."""
    advance(store, follower, _start(follower).after, None)


def _start(follower: EventFollower) -> FollowerProgress:
    return FollowerProgress(event_id_of(f"{microseconds_of(follower.created_at):020}"))


def _read(text: str) -> FollowerProgress:
    after, _, since = text.partition(" ")
    return FollowerProgress(after, maybe_time(since))
