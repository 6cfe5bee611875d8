"""Events in the PostgreSQL store, written by the transaction of what they are about.

They are listed afterwards, by one transaction at a time: see the migration that makes the table.
Whoever reads the list lists first what is committed, so that it is complete at each moment.
"""

from __future__ import annotations

from datetime import UTC, datetime

from paymentapp.models.events import Event, EventPage, PublishedEvent
from paymentapp.storage.codec.events import event_id_of, position_in, read_event
from paymentapp.storage.codec.records import reads
from paymentapp.storage.postgresql import sql
from paymentapp.storage.postgresql.connections import DeadlineConnection
from paymentapp.storage.postgresql.records import PostgreSQLRecords, events_json
from paymentapp.storage.postgresql.transactions import begun

PUBLISHED_MAX = 1000  # events that one transaction lists
EXPIRED_MAX = 1000  # records that are deleted at a time, so that no other write waits for long
_DIGITS = 20  # of a position in an event's id; other engines add more
_LAST_POSITION = 2**63 - 1


class PostgreSQLEvents(PostgreSQLRecords):
    """The list of events."""

    def list_events(self, after: str | None, limit: int) -> EventPage:
        """Implement `Store.list_events`: one statement, if the page is full; else list and read."""
        position = _position(position_in(after)[:_DIGITS]) if after else 0
        rows, is_complete = self._listed(position, limit)
        if len(rows) < limit and not is_complete:
            self._list_new()
            rows, _ = self._listed(position, limit)
        found = [PublishedEvent(event_id_of(f"{n:020}"), _listed_event(texts)) for n, texts in rows]
        return EventPage(found, found[-1].event_id if found else None)

    def get_event(self, event_id: str) -> Event | None:
        """Implement `Store.get_event`."""
        text = position_in(event_id)
        if len(text) != _DIGITS or not text.isdigit():
            return None
        rows = self._rows(sql.GET_EVENT, _position(text))
        return _listed_event(rows[0][0]) if rows else None

    def add_event(self, event: Event) -> None:
        """Implement `Store.add_event`."""
        self._execute(sql.ADD_EVENTS, (events_json([event]),))

    def publish_events(self, now: datetime) -> None:  # noqa: ARG002  # of the interface
        """Implement `Store.publish_events`: list what is committed."""
        if self._rows(sql.UNLISTED_EVENTS)[0][0]:
            self._list_new()

    def delete_expired(self, now: datetime) -> None:
        """Implement `Store.delete_expired`: EXPIRED_MAX records at a time."""
        moment = now.astimezone(UTC)
        for statement in (sql.DELETE_EXPIRED_RECORDS, sql.DELETE_EXPIRED_EVENTS):
            self._execute(statement, (moment, EXPIRED_MAX))

    def _listed(self, position: int, limit: int) -> tuple[list[tuple[int, list[str]]], bool]:
        """Return events after a position, and whether all that were committed then are listed."""
        rows = self._rows(sql.LIST_EVENTS, position, limit)
        found = [(n, texts) for n, texts in rows if n is not None]
        return sorted(found), len(found) == len(rows)

    def _list_new(self) -> None:
        """List the events that are committed and not listed."""
        while self._connections().run(_publish) == PUBLISHED_MAX:
            pass


def _publish(connection: DeadlineConnection) -> int:
    """List up to PUBLISHED_MAX events; return how many there were: one round trip.

    One process at a time does so: the others wait, and then see what it has listed.
    """
    with begun(connection):
        connection.execute(sql.LOCK_LIST)
        cursor = connection.execute(sql.PUBLISH_EVENTS, (PUBLISHED_MAX,))
        connection.execute(sql.COMMIT)
    row = cursor.fetchone()
    return int(row[0]) if row else 0


def _position(digits: str) -> int:
    return min(int(digits), _LAST_POSITION) if digits.isdigit() else _LAST_POSITION


@reads
def _listed_event(texts: list[str]) -> Event:
    return read_event(texts)
