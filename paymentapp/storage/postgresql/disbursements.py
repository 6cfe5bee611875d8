"""The disbursements table of the PostgreSQL store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from paymentapp.clock import to_text
from paymentapp.models.payments import Payment, PaymentKey
from paymentapp.storage.base import Page, PageQuery
from paymentapp.storage.changes import PaymentChange
from paymentapp.storage.codec.payments import payment_record, read_payment
from paymentapp.storage.postgresql import sql
from paymentapp.storage.postgresql.connections import DeadlineConnection
from paymentapp.storage.postgresql.counters import (
    given_back,
    lock_counters,
    put_records,
    slots_of,
)
from paymentapp.storage.postgresql.documents import rows_json, to_column, to_json
from paymentapp.storage.postgresql.records import PostgreSQLRecords, event_values
from paymentapp.storage.postgresql.rows import payment_change, payment_of
from paymentapp.storage.postgresql.transactions import begun


class PostgreSQLDisbursements(PostgreSQLRecords):
    """Payments, by customer and payment id."""

    def get_payment(self, key: PaymentKey) -> Payment | None:
        """Implement `Store.get_payment`."""
        found = self._payments(sql.GET_PAYMENT, to_column(key.customer_id), key.payment_id)
        return found[0] if found else None

    def get_payments(self, keys: Sequence[PaymentKey]) -> dict[PaymentKey, Payment]:
        """Implement `Store.get_payments`."""
        if not keys:
            return {}
        return {each.key: each for each in self._payments(sql.GET_PAYMENTS, *_arrays(keys))}

    def count_by_status(self, keys: Sequence[PaymentKey]) -> dict[str, int]:
        """Implement `Store.count_by_status`: the server counts."""
        return dict(self._rows(sql.COUNT_BY_STATUS, *_arrays(keys))) if keys else {}

    def change_payments(self, changes: Sequence[PaymentChange]) -> list[bool]:
        """Implement `Store.change_payments`: one statement, unless charges are given back."""
        if not changes:
            return []
        values = _values_of(changes)
        if any(change.given_back for change in changes):
            made = self._connections().run(lambda each: _change_and_give_back(changes, each))
        else:
            made = {n for (n,) in self._execute(sql.CHANGE_PAYMENTS, values)}
        late = [change for n, change in enumerate(changes) if n not in made]
        before = self._made_before(late)
        return [n in made or change.new.key in before for n, change in enumerate(changes)]

    def _made_before(self, changes: Sequence[PaymentChange]) -> set[PaymentKey]:
        """Return the payments whose changes were made by an attempt whose answer was lost."""
        if not changes:
            return set()
        wanted = {(*each.new.key, each.new.revision) for each in changes}
        rows = self._rows(sql.PAYMENT_REVISIONS, *_arrays([each.new.key for each in changes]))
        return {PaymentKey(row[0], row[1]) for row in rows if tuple(row) in wanted}

    def list_payments(self, customer_id: str, query: PageQuery) -> Page:
        """Implement `Store.list_payments`."""
        payments = self._payments(
            sql.LIST_PAYMENTS,
            to_column(customer_id),
            query.earliest or "",
            query.latest or sql.AFTER_EVERY_ID,
            query.before or sql.AFTER_EVERY_ID,
            query.limit,
        )
        last_read = payments[-1].payment_id if len(payments) == query.limit else None
        return Page([p for p in payments if query.status in (None, p.status)], last_read)

    def due_payments(self, shard: int, until: datetime, limit: int) -> list[Payment]:
        """Implement `Store.due_payments`."""
        return self._payments(sql.DUE_PAYMENTS, shard, until, limit)

    def scan_payments(self, earliest: datetime, latest: datetime) -> Iterator[Payment]:
        """Implement `Store.scan_payments`: by the index of their ids, only those of the span."""
        span = to_text(earliest), to_text(latest)
        return self._scan(sql.SCAN_PAYMENTS, _payment_of, _position, ("", ""), *span)

    def _payments(self, statement: str, *values: Any) -> list[Payment]:
        return [_payment_of(row) for row in self._rows(statement, *values)]


def _payment_of(row: tuple[Any, ...]) -> Payment:
    return read_payment(payment_of(row))


def _position(payment: Payment) -> tuple[str, str]:
    return payment.payment_id, payment.customer_id


def _arrays(keys: Sequence[PaymentKey]) -> tuple[list[str | None], list[str]]:
    """Return keys as two arrays, in an order in which no two writers block each other."""
    ordered = sorted(set(keys))
    return [to_column(key.customer_id) for key in ordered], [key.payment_id for key in ordered]


def _values_of(changes: Sequence[PaymentChange]) -> tuple[str, str]:
    """Return the values of CHANGE_PAYMENTS; `n` is the place of a change."""
    numbered = sorted(enumerate(changes), key=lambda each: each[1].new.key)
    rows = [
        {"n": n, **payment_change(payment_record(change.old), payment_record(change.new))}
        for n, change in numbered
    ]
    events = [each for n, change in numbered for each in event_values(change.events, n)]
    return rows_json(rows), to_json(events)


def _change_and_give_back(
    changes: Sequence[PaymentChange], connection: DeadlineConnection
) -> set[int]:
    """Make changes, and take what they give back off the counters, in one transaction.

    Two round trips: payments are changed first, then counters are locked, as acceptances do.
    """
    charges = [charge for change in changes for charge in change.given_back]
    with begun(connection) as pipeline:
        cursor = connection.execute(sql.CHANGE_PAYMENTS, _values_of(changes))
        locked = lock_counters(charges, connection)
        pipeline.sync()
        made = {n for (n,) in cursor}
        due = [charge for n in sorted(made) for charge in changes[n].given_back]
        put_records(given_back(due, slots_of(locked)), connection)
        connection.execute(sql.COMMIT)
    return made
