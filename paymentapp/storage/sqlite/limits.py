"""Counters of limits in the SQLite store, inside the transaction of the payment that they count."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from decimal import Decimal

from paymentapp.models.duplicates import DuplicateCheck, DuplicateFound
from paymentapp.models.limits import Charge, LimitReached
from paymentapp.models.payments import PaymentKey
from paymentapp.storage.codec.limits import (
    LATEST,
    counter_key,
    counter_record,
    likeness_key,
    likeness_record,
    read_slots,
)
from paymentapp.storage.codec.records import Record
from paymentapp.storage.sqlite import sql
from paymentapp.storage.sqlite.json_documents import from_json, to_json
from paymentapp.storage.sqlite.records import SQLiteRecords


class SQLiteLimits(SQLiteRecords):
    """The counters of limits."""

    def count_of(self, charges: Sequence[Charge]) -> list[dict[str, Decimal]]:
        """Implement `Store.count_of`."""
        found = [self._get(sql.GET_RECORD, *counter_key(charge)) for charge in charges]
        return [read_slots(record) if record else {} for record in found]


def count(charges: Sequence[Charge], connection: sqlite3.Connection) -> None:
    """Count charges. Raises LimitReached, which undoes the transaction."""
    for charge in charges:
        slots = _slots(charge, connection) or {}
        if not charge.fits(slots):
            raise LimitReached(charge, slots)
        _put(charge, charge.counted(slots), connection)


def give_back(charges: Sequence[Charge], connection: sqlite3.Connection) -> None:
    """Take charges off their counters; one whose counter is gone matters no longer."""
    for charge in charges:
        slots = _slots(charge, connection)
        if slots:
            _put(charge, charge.given_back(slots), connection)


def note_likeness(check: DuplicateCheck, key: PaymentKey, connection: sqlite3.Connection) -> None:
    """Make a payment the latest of its likeness.

    Raises DuplicateFound, which undoes the transaction, where the check does not pass.
    """
    pk = likeness_key(check)
    row = connection.execute(sql.GET_RECORD, (pk, LATEST)).fetchone()
    latest = from_json(row[0])["payment_id"] if row else ""
    if not check.passes(latest, key.payment_id):
        raise DuplicateFound(PaymentKey(key.customer_id, latest))
    _put_record(pk, LATEST, likeness_record(check, key.payment_id), connection)


def _slots(charge: Charge, connection: sqlite3.Connection) -> dict[str, Decimal] | None:
    row = connection.execute(sql.GET_RECORD, counter_key(charge)).fetchone()
    return read_slots(from_json(row[0])) if row else None


def _put(charge: Charge, slots: dict[str, Decimal], connection: sqlite3.Connection) -> None:
    _put_record(*counter_key(charge), counter_record(charge, slots), connection)


def _put_record(pk: str, sk: str, record: Record, connection: sqlite3.Connection) -> None:
    connection.execute(sql.PUT_RECORD, (pk, sk, record.get("expires_at"), to_json(record)))
