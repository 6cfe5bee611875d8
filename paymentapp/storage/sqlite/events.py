"""Events in the SQLite store, written in the transaction of what they are about.

One transaction at a time writes, and positions only grow: a program that has read up to one misses
none that is written later.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial

from paymentapp.models.events import KEPT, Event, EventPage, PublishedEvent
from paymentapp.storage.codec.events import (
    event_id_of,
    event_texts,
    microseconds_of,
    position_in,
    read_event,
)
from paymentapp.storage.codec.records import Record, reads
from paymentapp.storage.sqlite import sql
from paymentapp.storage.sqlite.json_documents import from_json, to_json
from paymentapp.storage.sqlite.records import SQLiteRecords
from paymentapp.storage.sqlite.statements import Update, was_made

EventRow = tuple[int, int, str]


class SQLiteEvents(SQLiteRecords):
    """The list of events."""

    def list_events(self, after: str | None, limit: int) -> EventPage:
        """Implement `Store.list_events`."""
        position = position_in(after) if after else ""
        rows = self._connections().read(sql.LIST_EVENTS, (position, limit))
        found = [
            PublishedEvent(event_id_of(sk), _listed_event(from_json(text))) for sk, text in rows
        ]
        return EventPage(found, found[-1].event_id if found else None)

    def get_event(self, event_id: str) -> Event | None:
        """Implement `Store.get_event`."""
        found = self._get(sql.GET_RECORD, "events", position_in(event_id))
        return _listed_event(found) if found else None

    def add_event(self, event: Event) -> None:
        """Implement `Store.add_event`."""
        self._connections().writer.run(partial(announce, rows_of([event])))

    def publish_events(self, now: datetime) -> None:
        """Implement `Store.publish_events`: they are listed as soon as they are written."""


@reads
def _listed_event(record: Record) -> Event:
    return read_event(record["event"])


def rows_of(events: Iterable[Event]) -> list[EventRow]:
    """Return the rows of events, to be added by `announce`."""
    return [_row(event) for event in events]


def _row(event: Event) -> EventRow:
    expires_at = int((event.at + KEPT).timestamp())
    return microseconds_of(event.at), expires_at, to_json({"event": event_texts(event)})


def change_with_events(
    update: Update, rows: list[EventRow], connection: sqlite3.Connection
) -> bool:
    """Make a change and list its events; for a repeated one they were listed the first time."""
    if not connection.execute(update.change, update.values).rowcount:
        return was_made(update, connection)
    announce(rows, connection)
    return True


def announce_many(rows: Sequence[EventRow], connection: sqlite3.Connection) -> None:
    """Append many events as `announce` does, after one look at the last position."""
    if not rows:
        return
    (last,) = connection.execute(sql.LAST_EVENT).fetchone()
    position, placed = int(last or 0), []
    for microseconds, expires_at, document in rows:
        position = max(microseconds, position + 1)
        placed.append((f"{position:020d}", expires_at, document))
    connection.executemany(sql.PLACE_EVENT, placed)


def announce(rows: Iterable[EventRow], connection: sqlite3.Connection) -> None:
    """Append events to the list, at their moment or right after the last one."""
    for row in rows:
        connection.execute(sql.ADD_EVENT, row)
