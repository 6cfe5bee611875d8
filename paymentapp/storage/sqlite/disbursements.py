"""The Disbursements table of the SQLite store."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from paymentapp.clock import to_text
from paymentapp.models.limits import Charge
from paymentapp.models.payments import Payment, PaymentKey
from paymentapp.storage.base import Page, PageQuery
from paymentapp.storage.changes import PaymentChange
from paymentapp.storage.codec.payments import payment_record, read_payment
from paymentapp.storage.codec.records import Record
from paymentapp.storage.sqlite import sql
from paymentapp.storage.sqlite.events import EventRow, announce, rows_of
from paymentapp.storage.sqlite.json_documents import patch, to_json
from paymentapp.storage.sqlite.limits import give_back
from paymentapp.storage.sqlite.records import SQLiteRecords
from paymentapp.storage.sqlite.statements import Insert, Update, was_made


class _PaymentUpdate(NamedTuple):
    """A change of a payment, with what is written if it is made."""

    update: Update
    given_back: Sequence[Charge]
    events: Sequence[EventRow]


class SQLiteDisbursements(SQLiteRecords):
    """Payments, by customer and payment id."""

    def get_payment(self, key: PaymentKey) -> Payment | None:
        """Implement `Store.get_payment`."""
        found = self._get(sql.GET_PAYMENT, *key)
        return read_payment(found) if found else None

    def get_payments(self, keys: Sequence[PaymentKey]) -> dict[PaymentKey, Payment]:
        """Implement `Store.get_payments`."""
        found = self._read(sql.GET_PAYMENTS, json.dumps(keys))
        return {payment.key: payment for payment in map(read_payment, found)}

    def change_payments(self, changes: Sequence[PaymentChange]) -> list[bool]:
        """Implement `Store.change_payments`."""
        updates = [_update_of(change) for change in changes]
        return self._connections().writer.run(partial(_change_all, updates)) if updates else []

    def list_payments(self, customer_id: str, query: PageQuery) -> Page:
        """Implement `Store.list_payments`."""
        found = self._read(
            sql.LIST_PAYMENTS,
            customer_id,
            query.earliest or "",
            query.latest or sql.AFTER_EVERY_ID,
            query.before or sql.AFTER_EVERY_ID,
            query.limit,
        )
        payments = [read_payment(record) for record in found]
        last_read = payments[-1].payment_id if len(payments) == query.limit else None
        return Page([p for p in payments if query.status in (None, p.status)], last_read)

    def due_payments(self, shard: int, until: datetime, limit: int) -> list[Payment]:
        """Implement `Store.due_payments`."""
        found = self._read(sql.DUE_PAYMENTS, str(shard), to_text(until), limit)
        return [read_payment(record) for record in found]

    def scan_payments(self, earliest: datetime, latest: datetime) -> Iterator[Payment]:
        """Implement `Store.scan_payments`."""
        span = to_text(earliest), to_text(latest)
        return self._scan(sql.SCAN_PAYMENTS, read_payment, lambda each: each.key, ("", ""), *span)


def insert_payment(payment: Payment) -> Insert:
    """Return the statements that add a payment."""
    record = payment_record(payment)
    values = (*payment.key, *_indexed_payment(record), to_json(record))
    return Insert(sql.ADD_PAYMENT, values, sql.GET_PAYMENT, payment.key)


def _update_of(change: PaymentChange) -> _PaymentUpdate:
    update = _payment_update(*change)
    return _PaymentUpdate(update, change.given_back, rows_of(change.events))


def _payment_update(old: Payment, new: Payment) -> Update:
    before, after = payment_record(old), payment_record(new)
    values = (patch(before, after), *_indexed_payment(after), *old.key, old.revision)
    return Update(sql.CHANGE_PAYMENT, values, sql.GET_PAYMENT_REVISION, old.key, new.revision)


def _indexed_payment(record: Record) -> tuple[Any, ...]:
    return record["revision"], record["due_shard"], record.get("due_at")


def _change_all(updates: Sequence[_PaymentUpdate], connection: sqlite3.Connection) -> list[bool]:
    return [_change(update, connection) for update in updates]


def _change(change: _PaymentUpdate, connection: sqlite3.Connection) -> bool:
    """Make a change with what belongs to it. If it is repeated, that was done the first time."""
    if not connection.execute(change.update.change, change.update.values).rowcount:
        return was_made(change.update, connection)
    give_back(change.given_back, connection)
    announce(change.events, connection)
    return True
