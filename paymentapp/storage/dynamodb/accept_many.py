"""Accepting many payments in the DynamoDB store: a few requests for each 25 of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain

from paymentapp.models.payments import Payment, PaymentKey
from paymentapp.storage.accepting import (
    AcceptRequest,
    PaymentContext,
    contexts_of,
    decided_alone,
)
from paymentapp.storage.changes import Acceptance
from paymentapp.storage.codec.customers import read_customer
from paymentapp.storage.codec.operations import (
    idempotency_record,
    key_partition,
    read_idempotency_record,
)
from paymentapp.storage.codec.payments import payment_record
from paymentapp.storage.codec.records import Record
from paymentapp.storage.dynamodb import conditional_writes as conditional
from paymentapp.storage.dynamodb.acceptance import DynamoDBAcceptance
from paymentapp.storage.dynamodb.attribute_values import to_item, to_record


class DynamoDBAcceptMany(DynamoDBAcceptance):
    """The acceptance of many payments at once."""

    def accept_many(self, requests: Sequence[AcceptRequest]) -> list[Payment | None]:
        """Implement `Store.accept_many`: in the order of `accept`, one step for 25 payments.

        First their keys are bound, then their entries put in the list, then the payments added, so
        that a crash leaves what one of `accept` leaves. Each write has its own condition, at the
        price of the same write alone; a transaction would cost twice the units, and of 25 payments
        one would undo the others. A payment that counts is written in a transaction with its
        counters: by itself, in a call of `accept`.
        """
        size = conditional.STATEMENTS
        parts = [requests[start : start + size] for start in range(0, len(requests), size)]
        calls = [partial(self._accept_some, part) for part in parts]
        return list(chain.from_iterable(conditional.concurrently(calls)))

    def _accept_some(self, requests: Sequence[AcceptRequest]) -> list[Payment | None]:
        contexts = self._contexts(requests)
        decided = list(map(decided_alone, requests, contexts))
        bound = self._bind_new([each for each in decided if each is not None])
        self._announce_payments(bound)
        payments = [each.payment for each in bound]
        records = list(map(payment_record, payments))
        added = self._add_many(self._disbursements, PaymentKey._fields, records)
        own = {each.revision for each, done in zip(payments, added, strict=True) if done}
        return [
            each.payment if each is not None and each.payment.revision in own else None
            for each in decided
        ]

    def _bind_new(self, acceptances: Sequence[Acceptance]) -> list[Acceptance]:
        """Bind the keys of payments; return those whose keys this call has bound."""
        records = list(map(_key_record, acceptances))
        bound = self._add_many(self._operations, ("pk", "sk"), records)
        return [each for each, done in zip(acceptances, bound, strict=True) if done]

    def _contexts(self, requests: Sequence[AcceptRequest]) -> Iterator[PaymentContext]:
        """Return what is on record for each request, after one read of up to 75 items."""
        hashes = {key_partition(each): each for request in requests for each in request.key_hashes}
        ids = sorted({each.customer_id for each in requests})
        keys = {
            self._customers: [to_item({"customer_id": each}) for each in ids],
            self._operations: [to_item({"pk": pk, "sk": "claim"}) for pk in hashes],
        }
        wanted = {table: items for table, items in keys.items() if items}
        found = list(map(to_record, conditional.read_all(self._client(), wanted)))
        customers = [read_customer(record) for record in found if "pk" not in record]
        by_id = {each.customer_id: each for each in customers}
        records = {
            hashes[record["pk"]]: read_idempotency_record(hashes[record["pk"]], record)
            for record in found
            if "pk" in record
        }
        return contexts_of(requests, by_id, records)


def _key_record(acceptance: Acceptance) -> Record:
    record = acceptance.record
    if record is None:
        raise ValueError("a payment without a key is accepted by itself")
    return {"pk": key_partition(record.key_hash), "sk": "claim"} | idempotency_record(record)
