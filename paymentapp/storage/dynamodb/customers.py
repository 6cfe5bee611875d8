"""The Customers table of the DynamoDB store."""

from __future__ import annotations

from collections.abc import Iterator

from paymentapp.models.customers import Customer
from paymentapp.storage.codec.customers import customer_record, read_customer
from paymentapp.storage.dynamodb import conditional_writes as conditional
from paymentapp.storage.dynamodb.records import DynamoDBRecords
from paymentapp.storage.dynamodb.scans import scan


class DynamoDBCustomers(DynamoDBRecords):
    """Customers, by their id."""

    def add_customer(self, customer: Customer) -> Customer:
        """Implement `Store.add_customer`."""
        older = self._add(self._customers, ("customer_id",), customer_record(customer))
        return read_customer(older) if older else customer

    def get_customer(self, customer_id: str) -> Customer | None:
        """Implement `Store.get_customer`."""
        found = self._get(self._customers, {"customer_id": customer_id})
        return read_customer(found) if found else None

    def change_customer(self, old: Customer, new: Customer) -> bool:
        """Implement `Store.change_customer`."""
        records = customer_record(old), customer_record(new)
        change = conditional.change_of({"customer_id": old.customer_id}, *records)
        return conditional.change_one(self._client(), self._customers, change)

    def scan_customers(self) -> Iterator[Customer]:
        """Scan the table: one request for each megabyte."""
        return map(read_customer, scan(self._client(), self._customers, "created_at"))
