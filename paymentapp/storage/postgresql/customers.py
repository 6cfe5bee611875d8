"""The customers table of the PostgreSQL store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

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
from paymentapp.storage.codec.records import Record
from paymentapp.storage.postgresql import sql
from paymentapp.storage.postgresql.documents import to_column
from paymentapp.storage.postgresql.records import PostgreSQLRecords, events_json, records_json
from paymentapp.storage.postgresql.rows import (
    customer_change,
    customer_document,
    customer_of,
    customer_values,
)

_KeyedRecord = tuple[str, str, Record]


class PostgreSQLCustomers(PostgreSQLRecords):
    """Customers, by their id, and their histories."""

    def add_customer(
        self, customer: Customer, history: Sequence[CustomerHistoryEntry] = ()
    ) -> Customer:
        """Implement `Store.add_customer`."""
        record = customer_record(customer)
        values = {**customer_values(record), "document": customer_document(record)}
        if self._execute(sql.ADD_CUSTOMER, values | _with_history(history)):
            return customer
        stored = self.get_customer(customer.customer_id)
        return stored or self.add_customer(customer, history)

    def get_customer(self, customer_id: str) -> Customer | None:
        """Implement `Store.get_customer`."""
        found = self._customers(sql.GET_CUSTOMER, to_column(customer_id))
        return found[0] if found else None

    def get_customers(self, customer_ids: Sequence[str]) -> dict[str, Customer]:
        """Implement `Store.get_customers`: by one statement."""
        if not customer_ids:
            return {}
        wanted = [to_column(each) for each in sorted(set(customer_ids))]
        return {each.customer_id: each for each in self._customers(sql.GET_CUSTOMERS, wanted)}

    def change_customer(
        self, old: Customer, new: Customer, history: Sequence[CustomerHistoryEntry] = ()
    ) -> bool:
        """Implement `Store.change_customer`."""
        return self._change_customer(old, new, history)

    def list_customers(self, query: CustomerQuery) -> CustomerPage:
        """Implement `Store.list_customers`: all are in the order of their ids."""
        position = query.after or "", query.limit
        if query.email is None:
            customers = self._customers(sql.SCAN_CUSTOMERS, *position)
        else:
            email = to_column(query.email)
            customers = self._customers(sql.CUSTOMERS_BY_EMAIL, email, *position)
        is_full = len(customers) == query.limit
        return CustomerPage(customers, customers[-1].customer_id if is_full else None)

    def customer_history(
        self, customer_id: str, limit: int, before: int | None = None
    ) -> list[CustomerHistoryEntry]:
        """Implement `Store.customer_history`."""
        key = to_column(history_key(customer_id))
        bounds = FIRST_SORT_KEY, sort_key_before(before)
        found = self._records(sql.RECORDS_BEFORE, key, *bounds, limit)
        return [read_history_entry(record) for record in found]

    def change_history_entry(self, old: CustomerHistoryEntry, new: CustomerHistoryEntry) -> bool:
        """Implement `Store.change_history_entry`."""
        records = history_record(old), history_record(new)
        return self._change(history_key(old.customer_id), history_sort_key(old), *records)

    def scan_customers(self) -> Iterator[Customer]:
        """Implement `Store.scan_customers`."""
        return self._scan(sql.SCAN_CUSTOMERS, _customer_of, lambda each: (each.customer_id,), ("",))

    def _change_customer(
        self,
        old: Customer,
        new: Customer,
        history: Sequence[CustomerHistoryEntry],
        others: Sequence[_KeyedRecord] = (),
    ) -> bool:
        """Replace `old` by `new`, with lines of history and other records, by one statement."""
        values = customer_change(customer_record(old), customer_record(new))
        if self._execute(sql.CHANGE_CUSTOMER, values | _with_history(history, others)):
            return True
        stored = self.get_customer(old.customer_id)
        return stored is not None and stored.revision == new.revision

    def _customers(self, statement: str, *values: Any) -> list[Customer]:
        return [_customer_of(row) for row in self._rows(statement, *values)]


def _customer_of(row: tuple[Any, ...]) -> Customer:
    return read_customer(customer_of(row))


def _with_history(
    history: Sequence[CustomerHistoryEntry], others: Sequence[_KeyedRecord] = ()
) -> dict[str, str]:
    """Return the values of what is written with a customer."""
    lines = [
        (history_key(each.customer_id), history_sort_key(each), history_record(each))
        for each in history
    ]
    return {
        "records": records_json([*lines, *others]),
        "events": events_json(payee_events(history)),
    }
