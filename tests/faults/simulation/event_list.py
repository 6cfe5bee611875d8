"""The list of events: written with each change, or announced before it and published later."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from paymentapp.models.events import Event, EventPage, PublishedEvent
from paymentapp.storage.codec.events import event_id_of, microseconds_of, position_in
from paymentapp.storage.dynamodb.event_entries import (
    HOURS_MAX,
    NUMBER_DIGITS,
    RANDOM_DIGITS,
    hour_of,
    position_of,
    time_of,
)
from tests.faults.simulation.clock import START, Time
from tests.faults.simulation.scheduler import DAY, SECOND

HORIZON = 30 * SECOND  # for clocks that agree; wider by as much as those of a world differ
CHECKED = DAY  # how long what is void is checked again


@dataclass(order=True)
class Entry:
    """What a writer has announced, under the time of its clock; `at` is the true time."""

    sk: str
    at: int = field(compare=False)
    events: Sequence[Event] = field(compare=False)
    void: list[int] = field(default_factory=list, compare=False)

    def published(self) -> Iterator[PublishedEvent]:
        """Yield the events that are not void."""
        for number, event in enumerate(self.events):
            if number not in self.void:
                yield PublishedEvent(event_id_of(f"{self.sk}{number:0{NUMBER_DIGITS}}"), event)


class WorldEvents:
    """The list of one world, as SQLite keeps it, or late, as DynamoDB does.

    `happened` has the true time of every change that was made, whatever the list says.
    """

    def __init__(self, time: Time, late: bool, spread: Callable[[], int]) -> None:
        """`spread` returns by how much the clocks of two processes may differ."""
        self.late = late
        self.happened: dict[Event, int] = {}
        self.announced: dict[Event, int] = {}  # true time of the last entry
        self.end = position_of(START - timedelta(days=1))
        self.unmade: dict[str, tuple[Entry, list[int]]] = {}  # by sort key
        self.ids: dict[str, Event] = {}  # every id that an event ever had
        self._time = time
        self._spread = spread
        self._entries: list[Entry] = []
        self._made = 0

    def written(self, events: Sequence[Event]) -> None:
        """Record what has happened; SQLite lists it in the same transaction."""
        for event in events:
            self.happened.setdefault(event, self._time.micros())
        if not self.late:
            self.list_now(events)

    def now(self) -> int:
        """Return the true time."""
        return self._time.micros()

    def list_now(self, events: Sequence[Event]) -> None:
        """Append events, each at its time or right after the last one."""
        for event in events:
            last = int(self._entries[-1].sk) if self._entries else 0
            sk = f"{max(microseconds_of(event.at), last + 1):020}"
            self._entries.append(Entry(sk, self._time.micros(), [event]))
            self.ids[event_id_of(sk)] = event

    def entry(self, now: datetime, events: Sequence[Event]) -> Entry:
        """Return an entry that is not stored yet."""
        self._made += 1
        return Entry(
            f"{position_of(now)}{self._made:0{RANDOM_DIGITS}x}", self._time.micros(), events
        )

    def add(self, entry: Entry) -> None:
        """Store an entry; a repeated call changes nothing."""
        if entry not in self._entries:
            insort(self._entries, entry)
            self.ids |= {each.event_id: each.event for each in entry.published()}
            self.announced |= dict.fromkeys(entry.events, entry.at)

    def horizon(self) -> int:
        """Return how old an entry has to be before it is published, in microseconds."""
        return HORIZON + self._spread()

    def unpublished(self, until: str) -> list[Entry]:
        """Return the entries behind the end of the list, up to a position."""
        return [each for each in self._after(self.end) if each.sk <= until]

    def is_made(self, event: Event) -> bool:
        """Return whether the records have what an event is about."""
        return event in self.happened

    def mark_void(self, entry: Entry, void: list[int]) -> None:
        """Have what is void checked again later, and leave it out of the list."""
        if void:
            self.unmade[entry.sk] = entry, list(void)
        entry.void = list(void)

    def move_end(self, old: str, new: str) -> bool:
        """Compare and swap; the writer's own end counts as swapped."""
        if self.end == old:
            self.end = new
        return self.end == new

    def keep_unmade(self, entry: Entry, left: list[int]) -> None:
        """Store what is to be checked again of an entry; nothing, where the list is empty."""
        if left:
            self.unmade[entry.sk] = entry, left
        else:
            self.unmade.pop(entry.sk, None)

    def soonest(self) -> int | None:
        """Return the true time at which something can be published; None where nothing waits."""
        if any(self.is_made(entry.events[n]) for entry, left in self.unmade.values() for n in left):
            return 0
        waiting = self._after(self.end) if self.late else []
        return waiting[0].at + self.horizon() if waiting else None

    def has_more(self, after: str) -> bool:
        """Return whether the list has more than what was read up to an id."""
        position = position_in(after)
        if not self.late:
            return bool(self._entries) and self._entries[-1].sk > position
        if time_of(self.end) - time_of(position) >= timedelta(hours=HOURS_MAX + 1):
            return True
        return any(
            position_in(each.event_id) > position
            for entry in self._after(position[: len(self.end) + RANDOM_DIGITS])
            if entry.sk <= self.end
            for each in entry.published()
        )

    def page(self, after: str | None, limit: int) -> EventPage:
        """Return a page; of a late list a few hours at most, up to its end."""
        position = position_in(after) if after else ""
        if not self.late:
            start = bisect_right(self._entries, Entry(position, 0, ()))
            listed = self._entries[start : start + limit]
            found = [PublishedEvent(event_id_of(each.sk), each.events[0]) for each in listed]
            return EventPage(found, found[-1].event_id if found else None)
        position = max(position, position_of(START - timedelta(days=1)))
        if position > self.end:
            return EventPage([], None)
        hours = hour_of(time_of(position)) + timedelta(hours=HOURS_MAX)
        until = min(self.end, position_of(hours))
        found = []
        for entry in self._after(position[: len(self.end) + RANDOM_DIGITS], itself=True):
            if entry.sk > until:
                break
            found += [each for each in entry.published() if position_in(each.event_id) > position]
            if len(found) >= limit:
                return EventPage(found[:limit], found[limit - 1].event_id)
        if until < self.end:
            return EventPage(found, event_id_of(until))
        return EventPage(found, found[-1].event_id if found else None)

    def get(self, event_id: str) -> Event | None:
        """Return an event that is listed."""
        position = position_in(event_id)
        if not self.late:
            return self.ids.get(event_id)
        sk = position[: len(self.end) + RANDOM_DIGITS]
        for entry in self._after(sk, itself=True):
            if entry.sk != sk or sk > self.end:
                return None
            return next((e.event for e in entry.published() if e.event_id == event_id), None)
        return None

    def _after(self, sk: str, itself: bool = False) -> list[Entry]:
        start = bisect_right(self._entries, Entry(sk, 0, ()))
        if itself and start and self._entries[start - 1].sk == sk:
            start -= 1
        return self._entries[start:]
