"""Batches in the Operations table of the DynamoDB store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from paymentapp.clock import to_text
from paymentapp.errors import Conflict
from paymentapp.models.batches import Batch, BatchState, Member, parking_events
from paymentapp.storage.codec.batches import (
    BATCH,
    PARKED_SHARD,
    batch_key,
    batch_record,
    member_records,
    read_batch,
    read_members,
)
from paymentapp.storage.dynamodb.attribute_values import to_item
from paymentapp.storage.dynamodb.client import call
from paymentapp.storage.dynamodb.events import DynamoDBEvents
from paymentapp.storage.dynamodb.listing import AFTER_EVERY_ID
from paymentapp.storage.dynamodb.scans import scan


class DynamoDBBatches(DynamoDBEvents):
    """Batches and their members, by batch id."""

    def add_batch(self, batch: Batch, members: Sequence[Member]) -> None:
        """Store a batch: one request for each 500 members, and one."""
        pk = batch_key(batch.batch_id)
        records = {
            f"members#{number:04}": chunk
            for number, chunk in enumerate(member_records(batch, members))
        }
        for sk, record in {**records, BATCH: batch_record(batch)}.items():
            older = self._add_operation(pk, sk, record)
            if older and older["revision"] != batch.revision:
                raise Conflict("there is a batch of this id")

    def get_batch(self, batch_id: str) -> Batch | None:
        """Implement `Store.get_batch`."""
        found = self._get(self._operations, {"pk": batch_key(batch_id), "sk": BATCH})
        return read_batch(found) if found else None

    def get_members(self, batch: Batch) -> list[Member]:
        """Return the candidates: one request for each megabyte (thousands of members)."""
        found = self._group(batch_key(batch.batch_id), "members#")
        return read_members(batch, found)

    def change_batch(self, old: Batch, new: Batch) -> bool:
        """Change a batch. The provider's id of it becomes one by which it is found, first.

        So a crash may leave such an id of a batch that does not have it: a reader checks the batch.
        The entry of its event comes first as well, if it has one.
        """
        self._announce(parking_events(old, new))
        if new.reference is not None and new.reference != old.reference:
            key = {"pk": _reference_key(new.reference), "sk": new.batch_id}
            call(self._client().put_item, TableName=self._operations, Item=to_item(key))
        records = batch_record(old), batch_record(new)
        return self._change_operation(batch_key(new.batch_id), BATCH, *records)

    def due_batches(self, shard: int, until: datetime, limit: int) -> list[Batch]:
        """Query the index, then read the batches that it names, 100 a request."""
        found = self._batches(str(shard), to_text(until), limit)
        due = [batch for batch in found if batch.attention_at and batch.attention_at <= until]
        return sorted(due, key=lambda batch: batch.attention_at or until)

    def parked_batches(self) -> list[Batch]:
        """Query the index, then read the batches that it names, 100 a request."""
        found = self._batches(PARKED_SHARD, AFTER_EVERY_ID, None)
        parked = [batch for batch in found if batch.state is BatchState.PARKED]
        return sorted(parked, key=lambda batch: batch.created_at)

    def scan_batches(self, earliest: datetime, latest: datetime) -> Iterator[Batch]:
        """Scan the table: one request for each megabyte."""
        found = scan(self._client(), self._operations, "created_at", earliest, latest, sk=BATCH)
        return map(read_batch, found)

    def _batch_ids_of(self, reference: str) -> list[str]:
        """Return the ids of the batches that may have an id at their provider."""
        return [record["sk"] for record in self._group(_reference_key(reference), "")]

    def _batches(self, shard: str, until: str, limit: int | None) -> list[Batch]:
        return [read_batch(found) for found in self._attention(shard, until, limit)]


def _reference_key(reference: str) -> str:
    return f"batch-reference#{reference}"
