"""The operations that all tables of the PostgreSQL store share: read, add if absent, change.

A write is one statement, and one round trip. One whose answer was lost is made again; it then finds
its own revision stored, and counts as made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from paymentapp.clock import to_text
from paymentapp.models.events import KEPT, Event
from paymentapp.storage.codec.events import event_texts
from paymentapp.storage.codec.records import Record
from paymentapp.storage.per_process import PerProcess
from paymentapp.storage.postgresql import sql
from paymentapp.storage.postgresql.connections import BoundedConnections, DeadlineConnection
from paymentapp.storage.postgresql.documents import rows_json, to_column, to_json
from paymentapp.storage.postgresql.rows import (
    operation_change,
    operation_document,
    operation_of,
    operation_row,
    operation_values,
)

_Each = TypeVar("_Each")
_Values = Sequence[Any] | Mapping[str, Any]


class PostgreSQLRecords:
    """Records as rows of the tables of one database."""

    _connections: PerProcess[BoundedConnections]

    def _rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._connections().read(statement, values)

    def _execute(
        self, statement: str, values: _Values, seconds: float | None = None
    ) -> list[tuple[Any, ...]]:
        """Run one statement that may be repeated, and return its rows, if it returns any."""

        def work(connection: DeadlineConnection) -> list[tuple[Any, ...]]:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

        return self._connections().run(work, seconds)

    def _get(self, pk: str, sk: str) -> Record | None:
        found = self._records(sql.GET_RECORD, to_column(pk), to_column(sk))
        return found[0] if found else None

    def _records(self, statement: str, *values: Any) -> list[Record]:
        return [operation_of(row) for row in self._rows(statement, *values)]

    def _group(self, pk: str, first: str = "", last: str = sql.AFTER_EVERY_ID) -> list[Record]:
        """Return the records of a partition between two sort keys, in their order."""
        return self._records(sql.GET_RECORDS, to_column(pk), first, last)

    def _attention(self, shard: str, until: datetime | None, limit: int | None) -> list[Record]:
        """Return records of a shard that need attention by a time, or at any time, oldest first."""
        return self._records(sql.ATTENTION, to_column(shard), until or sql.FOREVER, limit)

    def _add(self, pk: str, sk: str, record: Record, events: Sequence[Event] = ()) -> Record | None:
        """Add a record and list its events; return None, or the record that was there already.

        That is the same one, where the answer of the first attempt was lost.
        """
        values = record_values(pk, sk, record)
        if events:
            statement, values = sql.ADD_RECORD_WITH_EVENTS, values | {"events": events_json(events)}
        else:
            statement = sql.ADD_RECORD
        if self._execute(statement, values):
            return None
        return self._get(pk, sk) or self._add(pk, sk, record, events)

    def _change(
        self, pk: str, sk: str, old: Record, new: Record, events: Sequence[Event] = ()
    ) -> bool:
        """Replace one version of a record and list its events; return whether that is made.

        A change that was made before has listed its events then.
        """
        values = record_change(pk, sk, old, new)
        if events:
            values["events"] = events_json(events)
            statement = sql.CHANGE_RECORD_WITH_EVENTS
        else:
            statement = sql.CHANGE_RECORD
        if self._execute(statement, values):
            return True
        stored = self._get(pk, sk)
        return stored is not None and stored.get("revision") == new["revision"]

    def _scan(
        self,
        statement: str,
        read: Callable[[tuple[Any, ...]], _Each],
        key_of: Callable[[_Each], tuple[str, ...]],
        after: tuple[str, ...],
        *bounds: str,
    ) -> Iterator[_Each]:
        """Yield what every row after a key holds, by one query for each chunk."""
        while True:
            found = self._rows(statement, *after, *bounds, sql.SCAN_CHUNK)
            for each in map(read, found):
                after = key_of(each)
                yield each
            if len(found) < sql.SCAN_CHUNK:
                return


def record_values(pk: str, sk: str, record: Record) -> dict[str, Any]:
    """Return the values of the statements that add a record."""
    key = {"pk": to_column(pk), "sk": to_column(sk)}
    return {**key, **operation_values(record), "document": operation_document(record)}


def record_change(pk: str, sk: str, old: Record, new: Record) -> dict[str, Any]:
    """Return the values of the statements that change a record."""
    return {"pk": to_column(pk), "sk": to_column(sk), **operation_change(old, new)}


def records_json(records: Sequence[tuple[str, str, Record]]) -> str:
    """Return records by their keys as the one value of the statements that write many."""
    return rows_json([operation_row(*each) for each in records])


def events_json(events: Sequence[Event], n: int = 0) -> str:
    """Return events as the value of the statements that list them with what they are about."""
    return to_json(event_values(events, n))


def event_values(events: Sequence[Event], n: int = 0) -> list[dict[str, Any]]:
    """Return the values of events; `n` is the number of the change that they belong to."""
    return [
        {
            "n": n,
            "at": to_text(event.at),
            "expires_at": to_text(event.at + KEPT),
            "event": event_texts(event),
        }
        for event in events
    ]
