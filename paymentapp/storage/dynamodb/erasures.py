"""Erasing customers in the DynamoDB store."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress

from paymentapp.errors import StoreUnavailable
from paymentapp.models.batches import Batch
from paymentapp.models.customer_history import CustomerHistoryEntry
from paymentapp.models.customers import Customer
from paymentapp.models.erasures import Erasure
from paymentapp.models.holds import Hold
from paymentapp.models.payments import PaymentKey
from paymentapp.storage.changes import PaymentErasure
from paymentapp.storage.codec.batches import batch_key, erased_chunk
from paymentapp.storage.codec.customers import customer_record
from paymentapp.storage.codec.erasures import ERASURES, erasure_record, erasures_of, read_erasure
from paymentapp.storage.codec.operations import HOLDS, RELEASED_HOLDS
from paymentapp.storage.codec.records import Record
from paymentapp.storage.contention import MAX_TRIES, tries
from paymentapp.storage.dynamodb import conditional_writes as conditional
from paymentapp.storage.dynamodb.attribute_values import to_item, to_value
from paymentapp.storage.dynamodb.client import ConditionFailed, call
from paymentapp.storage.dynamodb.customers import DynamoDBCustomers
from paymentapp.storage.dynamodb.disbursements import DynamoDBDisbursements
from paymentapp.storage.dynamodb.list_entries import DynamoDBListEntries
from paymentapp.storage.dynamodb.transactions import Write, write_together


class DynamoDBErasures(DynamoDBListEntries, DynamoDBCustomers, DynamoDBDisbursements):
    """Erasing customers; backups are AWS's."""

    def erase_customer(
        self,
        old: Customer,
        tombstone: Customer,
        history: Sequence[CustomerHistoryEntry],
        erasure: Erasure,
    ) -> bool:
        """Implement `ErasingStore.erase_customer`."""
        records = customer_record(old), customer_record(tombstone)
        change = conditional.change_of({"customer_id": old.customer_id}, *records)
        key = {"pk": ERASURES, "sk": erasure.customer_id}
        put: Write = {
            "Put": {
                "TableName": self._operations,
                "Item": to_item(key | erasure_record(erasure)),
            }
        }
        update: Write = {"Update": conditional.update_request(self._customers, change)}
        try:
            write_together(self._client(), [update, put, *self._lines(history)])
        except ConditionFailed as failed:
            return conditional.was_made(self._client(), self._customers, change, failed)
        return True

    def list_erasures(self) -> list[Erasure]:
        """Implement `ErasingStore.list_erasures`."""
        return erasures_of(self._group(ERASURES, ""))

    def get_erasure(self, customer_id: str) -> Erasure | None:
        """Implement `ErasingStore.get_erasure`."""
        found = self._get(self._operations, {"pk": ERASURES, "sk": customer_id})
        return read_erasure(found) if found else None

    def change_erasure(self, old: Erasure, new: Erasure) -> bool:
        """Implement `ErasingStore.change_erasure`."""
        records = erasure_record(old), erasure_record(new)
        return self._change_operation(ERASURES, new.customer_id, *records)

    def end_erasure(self, erasure: Erasure) -> None:
        """Implement `ErasingStore.end_erasure`."""
        with suppress(ConditionFailed):
            call(
                self._client().delete_item,
                TableName=self._operations,
                Key=to_item({"pk": ERASURES, "sk": erasure.customer_id}),
                ConditionExpression="revision = :revision",
                ExpressionAttributeValues={":revision": to_value(erasure.revision)},
            )

    def erase_payments(self, erasures: Sequence[PaymentErasure]) -> list[bool]:
        """Remove the references from the entries of the list first, then change the payments."""
        for each in erasures:
            if each.old.texts.reference is not None:
                self._erase_list_entry(each.old)
        return self.change_payments(erasures)

    def erase_members(self, batch: Batch, keys: Collection[PaymentKey]) -> bool:
        """Change each record of members that holds something: one request for each, and a read."""
        changed = False
        for _ in tries():
            won = [
                self._change_operation(record["pk"], record["sk"], record, new)
                for record, new in self._personal_chunks(batch, frozenset(keys))
            ]
            changed = changed or any(won)
            if all(won):
                return changed
        raise StoreUnavailable(
            f"members of batch {batch.batch_id} were changed {MAX_TRIES} times meanwhile"
        )

    def _personal_chunks(
        self, batch: Batch, keys: Collection[PaymentKey]
    ) -> list[tuple[Record, Record]]:
        """Return the records that hold something of some payments, each with what replaces it."""
        found = self._group(batch_key(batch.batch_id), "members#")
        both = [(record, erased_chunk(batch, record, keys)) for record in found]
        return [
            (record, {"pk": record["pk"], "sk": record["sk"]} | new)
            for record, new in both
            if new is not None
        ]

    def erase_hold(self, hold: Hold) -> None:
        """Implement `ErasingStore.erase_hold`: two requests."""
        for pk, sk in ((HOLDS, hold.target), (RELEASED_HOLDS, hold.hold_id)):
            with suppress(ConditionFailed):
                call(
                    self._client().update_item,
                    TableName=self._operations,
                    Key=to_item({"pk": pk, "sk": sk}),
                    UpdateExpression="SET reason = :none",
                    ConditionExpression="hold_id = :id",
                    ExpressionAttributeValues=to_item({":none": "", ":id": hold.hold_id}),
                )

    def purge(self, *, everything: bool = False) -> bool:  # noqa: ARG002  # of the interface
        """Implement `ErasingStore.purge`: DynamoDB shows no copies."""
        return True
