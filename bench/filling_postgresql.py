"""Fill a PostgreSQL store with settled payments: rows as the store writes them, by COPY."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from bench.filling import (
    ACCEPTED,
    CHUNK,
    FILLED_AT,
    MARKS,
    RECORD,
    REVISION,
    SETTLED,
    SPAN,
    History,
    Progress,
    email,
    own_texts,
)
from paymentapp.clock import to_text
from paymentapp.models.customers import Customer
from paymentapp.storage.changes import Acceptance
from paymentapp.storage.codec.customers import customer_record
from paymentapp.storage.codec.events import microseconds_of
from paymentapp.storage.codec.operations import idempotency_record, key_partition
from paymentapp.storage.codec.payments import payment_record
from paymentapp.storage.postgresql.documents import to_json
from paymentapp.storage.postgresql.records import event_values
from paymentapp.storage.postgresql.rows import customer_row, operation_row, payment_row

_NULL = r"\N"  # postgresql.org/docs/current/sql-copy.html, Text Format
_LAST_POSITION = """
UPDATE paymentapp.event_list
SET last_position = (SELECT coalesce(max(position), 0) FROM paymentapp.events)
"""


class _Table(NamedTuple):
    """A table, its columns, and the line of a row with names for what differs."""

    name: str
    columns: tuple[str, ...]
    line: str

    @classmethod
    def of(cls, name: str, row: Mapping[str, Any]) -> _Table:
        """Return the template of a row; an event's position is its microsecond."""
        line = "\t".join(map(_text, row.values())).replace("%", "%%") + "\n"
        for mark, text in MARKS.items():
            line = line.replace(mark, f"%({text})s")
        return cls(name, tuple(row), line)


def _text(value: Any) -> str:
    if value is None:
        return _NULL
    return to_json(value) if isinstance(value, dict | list) else str(value)


def fill_postgresql(url: str, history: History, numbers: Sequence[int], progress: Progress) -> None:
    """Insert the customers of a history, and some of its payments, into an empty store.

    All indexes are there from the start, so that their pages are as full as those of a store that
    has grown. The server then knows its tables, as it does by autovacuum.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        created_at = to_text(history.end - SPAN)
        ids = map(history.customer, range(history.customers))
        _copy(connection, _CUSTOMER, [{"customer": each, "at": created_at} for each in ids])
        for start in range(0, len(numbers), CHUNK):
            chunk = numbers[start : start + CHUNK]
            texts = [own_texts(history, number) for number in chunk]
            for table in _TABLES:
                _copy(connection, table, texts)
            progress(start + len(chunk))
        connection.execute(_LAST_POSITION)
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")  # not while it is measured


def _copy(
    connection: psycopg.Connection[Any], table: _Table, texts: Sequence[Mapping[str, Any]]
) -> None:
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier("paymentapp", table.name),
        sql.SQL(", ").join(map(sql.Identifier, table.columns)),
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write("".join(table.line % own for own in texts))


_CUSTOMER = _Table.of(
    "customers", customer_row(customer_record(Customer("CUSTOMER", email("CUSTOMER"), FILLED_AT)))
)
_KEY = operation_row(key_partition(RECORD.key_hash), "claim", idempotency_record(RECORD))
_PAYMENT = payment_row(payment_record(replace(SETTLED, revision=REVISION)))
(_EVENT,) = event_values(Acceptance(ACCEPTED, RECORD).events)
del _EVENT["n"]
_EVENTS = _Table.of("events", {"position": microseconds_of(FILLED_AT), **_EVENT})
_TABLES = (
    _Table.of("operations", _KEY),
    _Table.of("disbursements", _PAYMENT),
    _EVENTS._replace(line=_EVENTS.line.replace("key_until", "event_until")),  # both 35 days
)
