"""Reading and writing whole tables of the SQLite store."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

from paymentapp.storage.base import Lease
from paymentapp.storage.codec.operations import read_lease
from paymentapp.storage.codec.records import Record
from paymentapp.storage.copying import CopiedTable, Key, StoredRecord, TablePart
from paymentapp.storage.sqlite.json_documents import from_json, to_json
from paymentapp.storage.sqlite.records import SQLiteRecords

_LIST = "events"  # the partition of the list of events


class _Statements(NamedTuple):
    read: str  # after a key
    first: Key  # before every key
    get: str  # by keys, which are the rows of `wanted`
    put: str
    delete: str


_CUSTOMERS = _Statements(
    "SELECT customer_id, document FROM Customers WHERE customer_id > ? "
    "ORDER BY customer_id LIMIT ?",
    ("",),
    "SELECT customer_id, document FROM wanted CROSS JOIN Customers WHERE customer_id = a",
    "INSERT INTO Customers (customer_id, document) VALUES (?, ?) "
    "ON CONFLICT DO UPDATE SET document = excluded.document",
    "DELETE FROM Customers WHERE customer_id = ?",
)
_PAYMENTS = _Statements(
    "SELECT customer_id, payment_id, document FROM Disbursements "
    "WHERE (customer_id, payment_id) > (?, ?) ORDER BY customer_id, payment_id LIMIT ?",
    ("", ""),
    "SELECT customer_id, payment_id, document FROM wanted CROSS JOIN Disbursements "
    "WHERE customer_id = a AND payment_id = b",
    "INSERT INTO Disbursements (customer_id, payment_id, revision, due_shard, due_at, document) "
    "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET revision = excluded.revision, "
    "due_shard = excluded.due_shard, due_at = excluded.due_at, document = excluded.document",
    "DELETE FROM Disbursements WHERE customer_id = ? AND payment_id = ?",
)
_PUT_OPERATION = (
    "INSERT INTO Operations "
    "(pk, sk, revision, attention_shard, attention_at, expires_at, document) "
    "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET revision = excluded.revision, "
    "attention_shard = excluded.attention_shard, attention_at = excluded.attention_at, "
    "expires_at = excluded.expires_at, document = excluded.document"
)
_OPERATIONS = _Statements(
    "SELECT pk, sk, document FROM Operations WHERE (pk, sk) > (?, ?) "
    "AND pk NOT IN ('lease', 'copy', 'events') ORDER BY pk, sk LIMIT ?",  # with NOT_COPIED
    ("", ""),
    "SELECT pk, sk, document FROM wanted CROSS JOIN Operations WHERE pk = a AND sk = b",
    _PUT_OPERATION,
    "DELETE FROM Operations WHERE pk = ? AND sk = ?",
)
_EVENTS = _Statements(
    "SELECT sk, json_set(document, '$.expires_at', expires_at) FROM Operations "
    "WHERE pk = 'events' AND sk > ? ORDER BY sk LIMIT ?",
    ("",),
    "SELECT sk, json_set(document, '$.expires_at', expires_at) "
    "FROM wanted CROSS JOIN Operations WHERE pk = 'events' AND sk = a",
    _PUT_OPERATION,
    "DELETE FROM Operations WHERE pk = 'events' AND sk = ?",
)
_BY_TABLE = {
    CopiedTable.CUSTOMERS: _CUSTOMERS,
    CopiedTable.OPERATIONS: _OPERATIONS,
    CopiedTable.EVENTS: _EVENTS,
    CopiedTable.PAYMENTS: _PAYMENTS,
}
_LEASES = "SELECT sk, document FROM Operations WHERE pk = 'lease'"
_INDEXED = ("revision", "attention_shard", "attention_at", "expires_at")


class SQLiteCopying(SQLiteRecords):
    """The tables as a whole."""

    def read_table(self, table: CopiedTable, after: Key | None, limit: int) -> TablePart:
        """Implement `CopyableStore.read_table`: in the order of the keys."""
        statements = _BY_TABLE[table]
        values = (*(after or statements.first), limit)
        rows = self._connections().read(statements.read, values)
        found = list(map(_record_of, rows))
        return TablePart(found, found[-1].key if len(found) == limit else None)

    def read_keys(self, table: CopiedTable, keys: Sequence[Key]) -> dict[Key, Record]:
        """Implement `CopyableStore.read_keys`."""
        if not keys:
            return {}
        row = f"({', '.join('?' for _ in keys[0])})"
        names = "(a, b)" if len(keys[0]) > 1 else "(a)"
        wanted = f"WITH wanted{names} AS (VALUES {', '.join([row] * len(keys))}) "
        values = tuple(chain.from_iterable(keys))
        rows = self._connections().read(wanted + _BY_TABLE[table].get, values)
        return dict(map(_record_of, rows))

    def put_many(self, table: CopiedTable, records: Sequence[StoredRecord]) -> None:
        """Implement `CopyableStore.put_many`: in one transaction."""
        rows = [_values_of(table, *each) for each in records]
        self._connections().writer.run(partial(_run_each, _BY_TABLE[table].put, rows))

    def delete_many(self, table: CopiedTable, keys: Sequence[Key]) -> None:
        """Implement `CopyableStore.delete_many`: in one transaction."""
        self._connections().writer.run(partial(_run_each, _BY_TABLE[table].delete, list(keys)))

    def list_leases(self) -> list[Lease]:
        """Implement `CopyableStore.list_leases`."""
        rows = self._connections().read(_LEASES)
        return [read_lease(name, from_json(document)) for name, document in rows]


def _record_of(row: tuple[Any, ...]) -> StoredRecord:
    *key, document = row
    return StoredRecord(tuple(key), from_json(document))


def _values_of(table: CopiedTable, key: Key, record: Record) -> tuple[Any, ...]:
    get = record.get
    match table:
        case CopiedTable.CUSTOMERS:
            others: tuple[Any, ...] = ()
        case CopiedTable.PAYMENTS:
            others = get("revision"), get("due_shard"), get("due_at")
        case CopiedTable.OPERATIONS:
            others = tuple(map(get, _INDEXED))
        case CopiedTable.EVENTS:
            key, others = (_LIST, *key), (None, None, None, get("expires_at"))
            record = {"event": record["event"]}
    return *key, *others, to_json(record)


def _run_each(
    statement: str, rows: Sequence[tuple[Any, ...]], connection: sqlite3.Connection
) -> None:
    connection.executemany(statement, rows)
