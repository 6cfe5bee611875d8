"""Accepting a payment in the DynamoDB store: its key's record, then itself."""

from __future__ import annotations

from paymentapp.models.idempotency import IdempotencyRecord
from paymentapp.models.payments import PaymentKey
from paymentapp.storage.base import Acceptance, AcceptResult
from paymentapp.storage.codec.operations import (
    idempotency_record,
    key_partition,
    read_idempotency_record,
)
from paymentapp.storage.codec.payments import payment_record, read_payment
from paymentapp.storage.dynamodb.records import DynamoDBRecords


class DynamoDBAcceptance(DynamoDBRecords):
    """The acceptance of payments."""

    def accept(self, acceptance: Acceptance) -> AcceptResult:
        """Implement `Store.accept`: a request for the record, and one for the payment.

        A transaction would cost twice the units, for a state that a retry repairs.
        """
        payment, record, replaces = acceptance
        binding = acceptance.binding
        if binding is not None:
            bound = self._bind(binding, replaces)
            if bound is None or bound.revision != binding.revision:
                return AcceptResult(None, bound)
        older = self._add(self._disbursements, PaymentKey._fields, payment_record(payment))
        return AcceptResult(read_payment(older) if older else payment, record)

    def _bind(
        self, record: IdempotencyRecord, replaces: IdempotencyRecord | None
    ) -> IdempotencyRecord | None:
        """Write a key's record; return what is then stored for the key."""
        pk, new = key_partition(record.key_hash), idempotency_record(record)
        if replaces is None:
            found = self._add_operation(pk, "claim", new)
            return read_idempotency_record(record.key_hash, found) if found else record
        if self._change_operation(pk, "claim", idempotency_record(replaces), new):
            return record
        found = self._get(self._operations, {"pk": pk, "sk": "claim"})
        return read_idempotency_record(record.key_hash, found) if found else None
