"""The list of events of a store in memory."""

from __future__ import annotations

from collections.abc import Iterable

from paymentapp.models.events import Event, EventPage, PublishedEvent
from paymentapp.storage.codec.events import event_id_of, microseconds_of


class EventList:
    """Events in the order in which they were written, each at its time or after the last one."""

    def __init__(self) -> None:
        self._events: list[PublishedEvent] = []
        self._last = 0

    def add(self, events: Iterable[Event]) -> None:
        for event in events:
            self._last = max(microseconds_of(event.at), self._last + 1)
            self._events.append(PublishedEvent(event_id_of(f"{self._last:020}"), event))

    def page(self, after: str | None, limit: int) -> EventPage:
        found = [each for each in self._events if after is None or each.event_id > after][:limit]
        return EventPage(found, found[-1].event_id if found else None)

    def get(self, event_id: str) -> Event | None:
        return next((each.event for each in self._events if each.event_id == event_id), None)
