"""The Disbursements table of the DynamoDB store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from paymentapp.clock import to_text
from paymentapp.models.payments import Payment, PaymentKey
from paymentapp.storage.base import Page, PageQuery, PaymentChange
from paymentapp.storage.codec.payments import payment_record, read_payment
from paymentapp.storage.dynamodb import conditional_writes as conditional
from paymentapp.storage.dynamodb.attribute_values import to_item, to_record
from paymentapp.storage.dynamodb.client import call
from paymentapp.storage.dynamodb.limits import DynamoDBLimits
from paymentapp.storage.dynamodb.listing import page_request
from paymentapp.storage.dynamodb.scans import scan
from paymentapp.storage.dynamodb.transactions import Write, try_together


class DynamoDBDisbursements(DynamoDBLimits):
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
        """Change 25 payments a request, or one where it gives back what it counted."""
        plain = [_payment_change(*each) for each in changes if not each.given_back]
        done = iter(conditional.change_all(self._client(), self._disbursements, plain))
        return [self._uncount(each) if each.given_back else next(done) for each in changes]

    def _uncount(self, change: PaymentChange) -> bool:
        """Make a change in one transaction with its counters, without those that are gone."""
        update = _payment_change(*change)
        write: Write = {"Update": conditional.update_request(self._disbursements, update)}
        counters = [self._giving_back(charge) for charge in change.given_back]
        while failed := try_together(self._client(), [write, *counters]):
            if 0 in failed:
                return conditional.was_made(self._client(), self._disbursements, update, failed[0])
            counters = [each for n, each in enumerate(counters, start=1) if n not in failed]
        return True

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
