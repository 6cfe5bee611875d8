"""Reading and writing whole tables of the PostgreSQL store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from paymentapp.clock import to_text
from paymentapp.storage.base import Lease
from paymentapp.storage.codec.events import read_event
from paymentapp.storage.codec.operations import read_lease
from paymentapp.storage.codec.records import Record
from paymentapp.storage.copying import CopiedTable, Key, StoredRecord, TablePart
from paymentapp.storage.postgresql import sql_copying
from paymentapp.storage.postgresql.documents import from_column, rows_json, to_column
from paymentapp.storage.postgresql.events import PostgreSQLEvents
from paymentapp.storage.postgresql.rows import (
    customer_of,
    customer_row,
    epoch_text,
    operation_of,
    operation_row,
    payment_of,
    payment_row,
)

_BY_TABLE = {
    CopiedTable.CUSTOMERS: sql_copying.CUSTOMERS,
    CopiedTable.OPERATIONS: sql_copying.OPERATIONS,
    CopiedTable.EVENTS: sql_copying.EVENTS,
    CopiedTable.PAYMENTS: sql_copying.PAYMENTS,
}
_KEY_COLUMNS = {CopiedTable.CUSTOMERS: 1, CopiedTable.EVENTS: 1}  # of the others: two


class PostgreSQLCopying(PostgreSQLEvents):
    """The tables as a whole."""

    def read_table(self, table: CopiedTable, after: Key | None, limit: int) -> TablePart:
        """Implement `CopyableStore.read_table`: in the order of the keys.

        Events are listed first, so that each has its position.
        """
        if table is CopiedTable.EVENTS and after is None:
            self._list_new()
        statements = _BY_TABLE[table]
        key = map(to_column, after) if after else statements.first
        rows = self._rows(statements.read, *key, limit)
        found = [_record_of(table, row) for row in rows]
        return TablePart(found, found[-1].key if len(found) == limit else None)

    def read_keys(self, table: CopiedTable, keys: Sequence[Key]) -> dict[Key, Record]:
        """Implement `CopyableStore.read_keys`."""
        rows = self._rows(_BY_TABLE[table].get, *_arrays(table, keys))
        return dict(_record_of(table, row) for row in rows)

    def put_many(self, table: CopiedTable, records: Sequence[StoredRecord]) -> None:
        """Implement `CopyableStore.put_many`: by one statement."""
        rows = [_row_of(table, *each) for each in records]
        self._execute(_BY_TABLE[table].put, (rows_json(rows),))

    def delete_many(self, table: CopiedTable, keys: Sequence[Key]) -> None:
        """Implement `CopyableStore.delete_many`: by one statement."""
        self._execute(_BY_TABLE[table].delete, _arrays(table, keys))

    def list_leases(self) -> list[Lease]:
        """Implement `CopyableStore.list_leases`."""
        rows = self._rows(sql_copying.LEASES)
        return [read_lease(from_column(name), document) for name, document in rows]


def _arrays(table: CopiedTable, keys: Sequence[Key]) -> list[list[str | None]]:
    columns = _KEY_COLUMNS.get(table, 2)
    return [[to_column(key[n]) for key in keys] for n in range(columns)]


def _record_of(table: CopiedTable, row: tuple[Any, ...]) -> StoredRecord:
    match table:
        case CopiedTable.CUSTOMERS:
            customer = customer_of(row)
            return StoredRecord((customer["customer_id"],), customer)
        case CopiedTable.PAYMENTS:
            payment = payment_of(row)
            return StoredRecord((payment["customer_id"], payment["payment_id"]), payment)
        case CopiedTable.OPERATIONS:
            pk, sk, *others = row
            return StoredRecord((from_column(pk), from_column(sk)), operation_of(others))
        case CopiedTable.EVENTS:
            position, expires_at, event = row
            record = {"event": event, "expires_at": int(expires_at.timestamp())}
            return StoredRecord((position,), record)


def _row_of(table: CopiedTable, key: Key, record: Record) -> dict[str, Any]:
    match table:
        case CopiedTable.CUSTOMERS:
            return customer_row(record)
        case CopiedTable.PAYMENTS:
            return payment_row(record)
        case CopiedTable.OPERATIONS:
            pk, sk = key
            return operation_row(pk, sk, record)
        case CopiedTable.EVENTS:
            texts = [str(to_column(text)) for text in record["event"]]
            at, expires_at = read_event(texts).at, epoch_text(record["expires_at"])
            return {
                "position": int(key[0]),
                "at": to_text(at),
                "expires_at": expires_at,
                "event": texts,
            }
