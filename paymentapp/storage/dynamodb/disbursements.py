"""The Disbursements table of the DynamoDB store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

from paymentapp.clock import to_text
from paymentapp.models.payments import Payment, PaymentKey
from paymentapp.storage.base import Page, PageQuery
from paymentapp.storage.changes import PaymentChange
from paymentapp.storage.codec.payments import payment_record, read_payment
from paymentapp.storage.dynamodb import conditional_writes as conditional
from paymentapp.storage.dynamodb.attribute_values import to_item, to_record
from paymentapp.storage.dynamodb.client import call
from paymentapp.storage.dynamodb.events import DynamoDBEvents
from paymentapp.storage.dynamodb.limits import DynamoDBLimits
from paymentapp.storage.dynamodb.listing import page_request
from paymentapp.storage.dynamodb.scans import scan
from paymentapp.storage.dynamodb.transactions import Write, try_together

# Payments in one transaction with their counters, of which each has nine at most (three scopes with
# three windows). AWS, TransactWriteItems: "up to 100 action requests".
UNCOUNTED = 10


class DynamoDBDisbursements(DynamoDBEvents, DynamoDBLimits):
    """Payments, by customer and payment id."""

    def get_payment(self, key: PaymentKey) -> Payment | None:
        """Implement `Store.get_payment`."""
        found = self._get(self._disbursements, key._asdict())
        return read_payment(found) if found else None

    def get_payments(self, keys: Sequence[PaymentKey]) -> dict[PaymentKey, Payment]:
        """Read 100 payments a request."""
        wanted = [to_item(key._asdict()) for key in dict.fromkeys(keys)]
        items = conditional.read_many(self._client(), self._disbursements, wanted)
        found = (read_payment(to_record(item)) for item in items)
        return {payment.key: payment for payment in found}

    def change_payments(self, changes: Sequence[PaymentChange]) -> list[bool]:
        """Change 25 payments a request, or ten of those that give back what they counted.

        One request before them announces their events, 500 of them at most.
        """
        self._announce([event for change in changes for event in change.events])
        plain = [_payment_change(*each) for each in changes if not each.given_back]
        counted = [each for each in changes if each.given_back]
        groups = [counted[i : i + UNCOUNTED] for i in range(0, len(counted), UNCOUNTED)]
        done = iter(conditional.change_all(self._client(), self._disbursements, plain))
        uncounted = chain.from_iterable(map(self._uncount_all, groups))
        return [next(uncounted if each.given_back else done) for each in changes]

    def _uncount_all(self, changes: Sequence[PaymentChange]) -> list[bool]:
        """Make changes in one transaction with their counters; one by one where that fails."""
        writes = [self._update_of(each) for each in changes]
        charges = chain.from_iterable(each.given_back for each in changes)
        if not try_together(self._client(), [*writes, *self._giving_back(charges)]):
            return [True] * len(changes)
        return [self._uncount(each) for each in changes]

    def _uncount(self, change: PaymentChange) -> bool:
        """Make a change in one transaction with its counters, without those that are gone."""
        counters = self._giving_back(change.given_back)
        while failed := try_together(self._client(), [self._update_of(change), *counters]):
            if 0 in failed:
                update = _payment_change(*change)
                return conditional.was_made(self._client(), self._disbursements, update, failed[0])
            counters = [each for n, each in enumerate(counters, start=1) if n not in failed]
        return True

    def _update_of(self, change: PaymentChange) -> Write:
        update = _payment_change(*change)
        return {"Update": conditional.update_request(self._disbursements, update)}

    def list_payments(self, customer_id: str, query: PageQuery) -> Page:
        """Query one page; the next one may be empty, which DynamoDB does not say in advance."""
        request = page_request(customer_id, query)
        if request is None:
            return Page([], None)
        answer = call(self._client().query, TableName=self._disbursements, **request)
        payments = [read_payment(to_record(item)) for item in answer["Items"]]
        last: Any = answer.get("LastEvaluatedKey")
        return Page(payments, last["payment_id"]["S"] if last else None)

    def due_payments(self, shard: int, until: datetime, limit: int) -> list[Payment]:
        """Query the index: one request for each megabyte."""
        items = self._index(self._disbursements, "due", str(shard), to_text(until), limit)
        return [read_payment(to_record(item)) for item in items]

    def scan_payments(self, earliest: datetime, latest: datetime) -> Iterator[Payment]:
        """Scan the table: one request for each megabyte."""
        found = scan(self._client(), self._disbursements, "payment_id", earliest, latest)
        return map(read_payment, found)


def _payment_change(old: Payment, new: Payment) -> conditional.ItemUpdate:
    records = payment_record(old), payment_record(new)
    return conditional.change_of(old.key._asdict(), *records)
