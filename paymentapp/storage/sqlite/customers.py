"""The Customers table of the SQLite store."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from functools import partial

from paymentapp.models.customer_history import CustomerHistoryEntry
from paymentapp.models.customers import Customer, CustomerPage, CustomerQuery
from paymentapp.models.events import payee_events
from paymentapp.storage.codec.customer_history import (
    FIRST_SORT_KEY,
    history_key,
    history_record,
    history_sort_key,
    read_history_entry,
    sort_key_before,
)
from paymentapp.storage.codec.customers import customer_record, read_customer
from paymentapp.storage.codec.records import Record, difference
from paymentapp.storage.sqlite import sql
from paymentapp.storage.sqlite.events import announce, rows_of
from paymentapp.storage.sqlite.json_documents import attributes_json, to_json
from paymentapp.storage.sqlite.records import SQLiteRecords
from paymentapp.storage.sqlite.statements import (
    Insert,
    Update,
    add_if_absent,
    insert_record,
    was_made,
)


class SQLiteCustomers(SQLiteRecords):
    """Customers, by their id, and their histories."""

    def add_customer(
        self, customer: Customer, history: Sequence[CustomerHistoryEntry] = ()
    ) -> Customer:
        """Implement `Store.add_customer`."""
        key = (customer.customer_id,)
        values = (*key, to_json(customer_record(customer)))
        insert = Insert(sql.ADD_CUSTOMER, values, sql.GET_CUSTOMER, key)
        work = partial(_add_with_history, insert, history)
        older = self._connections().writer.run(work, one_write=not history)
        return read_customer(older) if older else customer

    def get_customer(self, customer_id: str) -> Customer | None:
        """Implement `Store.get_customer`."""
        found = self._get(sql.GET_CUSTOMER, customer_id)
        return read_customer(found) if found else None

    def get_customers(self, customer_ids: Sequence[str]) -> dict[str, Customer]:
        """Implement `Store.get_customers`."""
        found = self._read(sql.GET_CUSTOMERS, json.dumps(sorted(set(customer_ids))))
        return {each.customer_id: each for each in map(read_customer, found)}

    def change_customer(
        self, old: Customer, new: Customer, history: Sequence[CustomerHistoryEntry] = ()
    ) -> bool:
        """Implement `Store.change_customer`."""
        update = customer_update(old, new)
        work = partial(change_with_history, update, history)
        return self._connections().writer.run(work, one_write=not history)

    def list_customers(self, query: CustomerQuery) -> CustomerPage:
        """Implement `Store.list_customers`: all are in the order of their ids."""
        position = query.after or "", query.limit
        if query.email is None:
            found = self._read(sql.SCAN_CUSTOMERS, *position)
        else:
            found = self._read(sql.CUSTOMERS_BY_EMAIL, query.email, *position)
        customers = [read_customer(record) for record in found]
        is_full = len(customers) == query.limit
        return CustomerPage(customers, customers[-1].customer_id if is_full else None)

    def customer_history(
        self, customer_id: str, limit: int, before: int | None = None
    ) -> list[CustomerHistoryEntry]:
        """Implement `Store.customer_history`."""
        bounds = FIRST_SORT_KEY, sort_key_before(before)
        found = self._read(sql.NEWEST_RECORDS, history_key(customer_id), *bounds, limit)
        return [read_history_entry(record) for record in found]

    def change_history_entry(self, old: CustomerHistoryEntry, new: CustomerHistoryEntry) -> bool:
        """Implement `Store.change_history_entry`."""
        records = history_record(old), history_record(new)
        return self._change(history_key(old.customer_id), history_sort_key(old), *records)

    def scan_customers(self) -> Iterator[Customer]:
        """Implement `Store.scan_customers`."""
        return self._scan(
            sql.SCAN_CUSTOMERS, read_customer, lambda each: (each.customer_id,), ("",)
        )


def customer_update(old: Customer, new: Customer) -> Update:
    """Return the statements that replace one version of a customer."""
    changed, removed = difference(customer_record(old), customer_record(new))
    attributes = changed.pop("attributes", None)
    key, statement = (old.customer_id,), sql.CHANGE_CUSTOMER
    values = [to_json(changed | dict.fromkeys(removed))]
    if attributes is not None:
        statement = sql.CHANGE_CUSTOMER_ATTRIBUTES
        values.append(attributes_json(attributes))
    return Update(
        statement, (*values, *key, old.revision), sql.GET_CUSTOMER_REVISION, key, new.revision
    )


def _add_with_history(
    insert: Insert, history: Sequence[CustomerHistoryEntry], connection: sqlite3.Connection
) -> Record | None:
    older = add_if_absent(insert, connection)
    if older is None:
        _add_lines(history, connection)
    return older


def change_with_history(
    update: Update, history: Sequence[CustomerHistoryEntry], connection: sqlite3.Connection
) -> bool:
    """Make a change with its lines; for a repeated one they were added the first time."""
    if not connection.execute(update.change, update.values).rowcount:
        return was_made(update, connection)
    _add_lines(history, connection)
    return True


def _add_lines(history: Sequence[CustomerHistoryEntry], connection: sqlite3.Connection) -> None:
    """Add lines of history, and the events of those that change who is paid."""
    for each in history:
        key = history_key(each.customer_id), history_sort_key(each)
        add_if_absent(insert_record(*key, history_record(each)), connection)
    announce(rows_of(payee_events(history)), connection)
