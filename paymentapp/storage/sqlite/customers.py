"""The Customers table of the SQLite store."""

from __future__ import annotations

from collections.abc import Iterator

from paymentapp.models.customers import Customer
from paymentapp.storage.codec.customers import customer_record, read_customer
from paymentapp.storage.sqlite import sql
from paymentapp.storage.sqlite.json_documents import patch, to_json
from paymentapp.storage.sqlite.records import SQLiteRecords
from paymentapp.storage.sqlite.statements import Insert, Update


class SQLiteCustomers(SQLiteRecords):
    """Customers, by their id."""

    def add_customer(self, customer: Customer) -> Customer:
        """Implement `Store.add_customer`."""
        key = (customer.customer_id,)
        values = (*key, to_json(customer_record(customer)))
        older = self._add(Insert(sql.ADD_CUSTOMER, values, sql.GET_CUSTOMER, key))
        return read_customer(older) if older else customer

    def get_customer(self, customer_id: str) -> Customer | None:
        """Implement `Store.get_customer`."""
        found = self._get(sql.GET_CUSTOMER, customer_id)
        return read_customer(found) if found else None

    def change_customer(self, old: Customer, new: Customer) -> bool:
        """Implement `Store.change_customer`."""
        records = customer_record(old), customer_record(new)
        key = (old.customer_id,)
        values = (patch(*records), *key, old.revision)
        return self._update(
            Update(sql.CHANGE_CUSTOMER, values, sql.GET_CUSTOMER_REVISION, key, new.revision)
        )

    def scan_customers(self) -> Iterator[Customer]:
        """Implement `Store.scan_customers`."""
        return self._scan(
            sql.SCAN_CUSTOMERS, read_customer, lambda each: (each.customer_id,), ("",)
        )
