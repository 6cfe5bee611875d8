"""How far each follower of the list of events has come, and since when it fails.

A follower is a webhook endpoint, or the topic. Its progress is kept apart from the endpoint's
record, which people change: as an entry of the store's own.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple, Protocol

from paymentapp.clock import maybe_text, maybe_time
from paymentapp.models.provider_state import StateEntry, update_state_entry
from paymentapp.storage.base import Store
from paymentapp.storage.codec.events import event_id_of, microseconds_of


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


def forget_failures(store: Store, follower: EventFollower) -> None:
    """Count failures anew from now on."""
    advance(store, follower, _start(follower).after, None)


def _start(follower: EventFollower) -> FollowerProgress:
    return FollowerProgress(event_id_of(f"{microseconds_of(follower.created_at):020}"))


def _read(text: str) -> FollowerProgress:
    after, _, since = text.partition(" ")
    return FollowerProgress(after, maybe_time(since))
