"""The Customers table of the DynamoDB store, and customers' histories in its Operations table."""

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
from paymentapp.storage.dynamodb import conditional_writes as conditional
from paymentapp.storage.dynamodb.attribute_values import to_item, to_record
from paymentapp.storage.dynamodb.client import ConditionFailed, call
from paymentapp.storage.dynamodb.events import DynamoDBEvents
from paymentapp.storage.dynamodb.records import add_request
from paymentapp.storage.dynamodb.scans import scan
from paymentapp.storage.dynamodb.tables import EMAIL_INDEX
from paymentapp.storage.dynamodb.transactions import Write, write_together


class DynamoDBCustomers(DynamoDBEvents):
    """Customers, by their id, and their histories."""

    def add_customer(
        self, customer: Customer, history: Sequence[CustomerHistoryEntry] = ()
    ) -> Customer:
        """Implement `Store.add_customer`."""
        key, record = ("customer_id",), customer_record(customer)
        if not history:
            older = self._add(self._customers, key, record)
            return read_customer(older) if older else customer
        put: Write = {"Put": add_request(self._customers, key, record)}
        try:
            write_together(self._client(), [put, *self._lines(history)])
        except ConditionFailed as failed:
            stored = self._stored(failed, self._customers, {"customer_id": customer.customer_id})
            return read_customer(stored)
        return customer

    def get_customer(self, customer_id: str) -> Customer | None:
        """Implement `Store.get_customer`."""
        found = self._get(self._customers, {"customer_id": customer_id})
        return read_customer(found) if found else None

    def get_customers(self, customer_ids: Sequence[str]) -> dict[str, Customer]:
        """Read 100 customers a request."""
        wanted = [to_item({"customer_id": each}) for each in sorted(set(customer_ids))]
        items = conditional.read_many(self._client(), self._customers, wanted)
        found = (read_customer(to_record(item)) for item in items)
        return {each.customer_id: each for each in found}

    def change_customer(
        self, old: Customer, new: Customer, history: Sequence[CustomerHistoryEntry] = ()
    ) -> bool:
        """Implement `Store.change_customer`."""
        records = customer_record(old), customer_record(new)
        change = conditional.change_of({"customer_id": old.customer_id}, *records)
        if not history:
            return conditional.change_one(self._client(), self._customers, change)
        self._announce(payee_events(history))
        update: Write = {"Update": conditional.update_request(self._customers, change)}
        try:
            write_together(self._client(), [update, *self._lines(history)])
        except ConditionFailed as failed:
            return conditional.was_made(self._client(), self._customers, change, failed)
        return True

    def scan_customers(self) -> Iterator[Customer]:
        """Scan the table: one request for each megabyte."""
        return map(read_customer, scan(self._client(), self._customers, "created_at"))

    def list_customers(self, query: CustomerQuery) -> CustomerPage:
        """Scan as many items as the page has, in DynamoDB's order; or query the e-mail index."""
        if query.email is not None:
            return self._customers_by_email(query.email, query)
        request: dict[str, Any] = {"ConsistentRead": True, "Limit": query.limit}
        if query.after is not None:
            request["ExclusiveStartKey"] = to_item({"customer_id": query.after})
        answer = call(self._client().scan, TableName=self._customers, **request)
        customers = [read_customer(to_record(item)) for item in answer["Items"]]
        return CustomerPage(customers, _last_customer_id(answer))

    def _customers_by_email(self, email: str, query: CustomerQuery) -> CustomerPage:
        """Query the index for ids, and read each customer: the index may be behind."""
        request: dict[str, Any] = {"Limit": query.limit}
        if query.after is not None:
            start = {"email": email, "customer_id": query.after}
            request["ExclusiveStartKey"] = to_item(start)
        answer = call(
            self._client().query,
            TableName=self._customers,
            IndexName=EMAIL_INDEX,
            KeyConditionExpression="email = :email",
            ExpressionAttributeValues=to_item({":email": email}),
            **request,
        )
        keys = [{"customer_id": item["customer_id"]} for item in answer["Items"]]
        items = conditional.read_many(self._client(), self._customers, keys)
        found = (read_customer(to_record(item)) for item in items)
        current = [customer for customer in found if customer.email == email]
        current.sort(key=lambda customer: customer.customer_id)
        return CustomerPage(current, _last_customer_id(answer))

    def customer_history(
        self, customer_id: str, limit: int, before: int | None = None
    ) -> list[CustomerHistoryEntry]:
        """Implement `Store.customer_history`."""
        bounds = {":first": FIRST_SORT_KEY, ":last": sort_key_before(before)}
        found = self._query(
            limit,
            TableName=self._operations,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues=to_item({":pk": history_key(customer_id), **bounds}),
            ScanIndexForward=False,
            ConsistentRead=True,
        )
        return [read_history_entry(to_record(item)) for item in found]

    def change_history_entry(self, old: CustomerHistoryEntry, new: CustomerHistoryEntry) -> bool:
        """Implement `Store.change_history_entry`."""
        records = history_record(old), history_record(new)
        return self._change_operation(history_key(old.customer_id), history_sort_key(old), *records)

    def _lines(self, history: Sequence[CustomerHistoryEntry]) -> list[Write]:
        """Return the writes of lines, whose keys no other line has."""
        return [
            {
                "Put": {
                    "TableName": self._operations,
                    "Item": to_item(
                        {"pk": history_key(each.customer_id), "sk": history_sort_key(each)}
                        | history_record(each)
                    ),
                }
            }
            for each in history
        ]


def _last_customer_id(answer: Any) -> str | None:
    """Return the id after which the next page begins; None where an answer is the last one."""
    last = answer.get("LastEvaluatedKey")
    return last["customer_id"]["S"] if last else None
