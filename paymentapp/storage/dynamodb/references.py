"""Unique references in the DynamoDB store: taken in the transaction that writes their payment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from paymentapp.models.payments import PaymentKey
from paymentapp.models.references import ReferenceClaim, ReferenceTaken
from paymentapp.storage.codec.references import HOLDER, holder_record, read_holder, reference_key
from paymentapp.storage.dynamodb.attribute_values import to_item
from paymentapp.storage.dynamodb.records import DynamoDBRecords
from paymentapp.storage.dynamodb.transactions import Write


class DynamoDBReferences(DynamoDBRecords):
    """The payments that have unique references."""

    def reference_holder(self, claim: ReferenceClaim) -> PaymentKey | None:
        """Implement `Store.reference_holder`."""
        found = self._get(self._operations, {"pk": reference_key(claim), "sk": HOLDER})
        return read_holder(found) if found else None

    def _taking(self, claim: ReferenceClaim | None, key: PaymentKey) -> Sequence[Write]:
        """Return the write by which a payment takes a reference, after a look who has it.

        Raises ReferenceTaken.
        """
        if claim is None:
            return ()
        holder = self.reference_holder(claim)
        if holder is not None and not claim.passes(holder, key):
            raise ReferenceTaken(holder)
        values = {
            ":customer": key.customer_id,
            ":own": key.payment_id,
            ":allowed": claim.allowed or key.payment_id,
        }
        request: dict[str, Any] = {
            "TableName": self._operations,
            "Item": to_item({"pk": reference_key(claim), "sk": HOLDER} | holder_record(key)),
            "ConditionExpression": "attribute_not_exists(pk) OR "
            "(customer_id = :customer AND payment_id IN (:own, :allowed))",
            "ExpressionAttributeValues": to_item(values),
        }
        return [{"Put": request}]
