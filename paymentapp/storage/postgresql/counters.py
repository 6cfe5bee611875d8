"""Counters of limits in the PostgreSQL store, inside the transaction of the payment they count.

Their rows are locked in the order of their keys, after that of the payment: so two transactions
wait for each other at most one way, and a busy counter is changed by one after the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import psycopg

from paymentapp.models.limits import Charge, LimitReached
from paymentapp.storage.codec.limits import CounterKey, counter_key, counter_record, read_slots
from paymentapp.storage.codec.records import Record
from paymentapp.storage.postgresql import sql
from paymentapp.storage.postgresql.connections import DeadlineConnection
from paymentapp.storage.postgresql.documents import from_column, to_column
from paymentapp.storage.postgresql.records import PostgreSQLRecords, records_json

Slots = dict[str, Decimal]
Records = dict[tuple[str, str], Record]
Locked = psycopg.Cursor[tuple[Any, ...]]


class PostgreSQLCounters(PostgreSQLRecords):
    """The counters of limits."""

    def count_of(self, charges: Sequence[Charge]) -> list[Slots]:
        """Implement `Store.count_of`: by one statement."""
        keys = [counter_key(charge) for charge in charges]
        rows = self._rows(sql.RECORDS_OF_KEYS, *_arrays(keys))
        found = {key: read_slots(record) for key, record in _records_of(rows).items()}
        return [found.get((key.pk, key.sk), {}) for key in keys]


def lock_records(keys: Iterable[tuple[str, str]], connection: DeadlineConnection) -> Locked:
    """Lock records, as far as they exist; return a cursor for `locked_records`."""
    return connection.execute(sql.LOCK_RECORDS, _arrays(keys))


def locked_records(cursor: Locked) -> Records:
    """Return the records of a cursor of `lock_records`."""
    return _records_of(cursor.fetchall())


def lock_counters(charges: Iterable[Charge], connection: DeadlineConnection) -> Locked:
    """Lock the counters of charges; return a cursor for `slots_of`."""
    return lock_records([counter_key(charge) for charge in charges], connection)


def slots_of(cursor: Locked) -> dict[CounterKey, Slots]:
    """Return what is counted in the counters of a cursor of `lock_counters`."""
    records = locked_records(cursor)
    return {CounterKey(*key): read_slots(record) for key, record in records.items()}


def put_records(records: Records, connection: DeadlineConnection) -> None:
    """Write records, whatever was there; nothing else is written where there are none."""
    if records:
        rows = [(pk, sk, record) for (pk, sk), record in records.items()]
        connection.execute(sql.PUT_RECORDS, (records_json(rows),))


def counted(charges: Iterable[Charge], slots: dict[CounterKey, Slots]) -> Records:
    """Return the records of counters with charges counted. Raises LimitReached."""
    records: Records = {}
    for charge in charges:
        key = counter_key(charge)
        found = slots.get(key, {})
        if not charge.fits(found):
            raise LimitReached(charge, found)
        slots[key] = charge.counted(found)
        records[key] = counter_record(charge, slots[key])
    return records


def given_back(charges: Iterable[Charge], slots: dict[CounterKey, Slots]) -> Records:
    """Return the records of counters without charges; a counter that is gone matters no longer."""
    records: Records = {}
    for charge in charges:
        key = counter_key(charge)
        if slots.get(key):
            slots[key] = charge.given_back(slots[key])
            records[key] = counter_record(charge, slots[key])
    return records


def _arrays(keys: Iterable[tuple[str, str]]) -> tuple[list[str | None], list[str | None]]:
    ordered = sorted(set(keys))
    return [to_column(pk) for pk, _ in ordered], [to_column(sk) for _, sk in ordered]


def _records_of(rows: Iterable[tuple[Any, ...]]) -> Records:
    return {(from_column(pk), from_column(sk)): document for pk, sk, document in rows}
