"""The list of events of a store in memory."""

from __future__ import annotations

from collections.abc import Iterable

from paymentapp.models.events import Event, EventPage, PublishedEvent


class EventList:
    """Events in the order in which they were written."""

    def __init__(self) -> None:
        self._events: list[PublishedEvent] = []

    def add(self, events: Iterable[Event]) -> None:
        for event in events:
            self._events.append(PublishedEvent(f"evt_{len(self._events):020d}", event))

    def page(self, after: str | None, limit: int) -> EventPage:
        found = [each for each in self._events if after is None or each.event_id > after][:limit]
        return EventPage(found, found[-1].event_id if found else None)

    def get(self, event_id: str) -> Event | None:
        return next((each.event for each in self._events if each.event_id == event_id), None)
