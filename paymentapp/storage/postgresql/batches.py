"""Batches in the PostgreSQL store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from paymentapp.clock import to_text
from paymentapp.errors import Conflict
from paymentapp.models.batches import Batch, Member, parking_events
from paymentapp.storage.codec.batches import (
    BATCH,
    PARKED_SHARD,
    batch_key,
    batch_record,
    member_records,
    read_batch,
    read_members,
)
from paymentapp.storage.postgresql import sql
from paymentapp.storage.postgresql.records import PostgreSQLRecords, records_json
from paymentapp.storage.postgresql.rows import operation_of


class PostgreSQLBatches(PostgreSQLRecords):
    """Batches and their members, by batch id."""

    def add_batch(self, batch: Batch, members: Sequence[Member]) -> None:
        """Implement `Store.add_batch`: by one statement, with all members or none."""
        pk, header = batch_key(batch.batch_id), batch_record(batch)
        chunks = enumerate(member_records(batch, members))
        rows = [(pk, f"members#{number:04}", chunk) for number, chunk in chunks]
        if self._execute(sql.ADD_GROUP, (records_json([*rows, (pk, BATCH, header)]), BATCH)):
            return
        older = self._get(pk, BATCH)
        if older is None or older.get("revision") != batch.revision:
            raise Conflict("there is a batch of this id")

    def get_batch(self, batch_id: str) -> Batch | None:
        """Implement `Store.get_batch`."""
        found = self._get(batch_key(batch_id), BATCH)
        return read_batch(found) if found else None

    def get_members(self, batch: Batch) -> list[Member]:
        """Implement `Store.get_members`."""
        return read_members(batch, self._group(batch_key(batch.batch_id), "members#", "members~"))

    def change_batch(self, old: Batch, new: Batch) -> bool:
        """Implement `Store.change_batch`."""
        records = batch_record(old), batch_record(new)
        return self._change(batch_key(new.batch_id), BATCH, *records, parking_events(old, new))

    def due_batches(self, shard: int, until: datetime, limit: int) -> list[Batch]:
        """Implement `Store.due_batches`."""
        return [read_batch(record) for record in self._attention(str(shard), until, limit)]

    def parked_batches(self) -> list[Batch]:
        """Implement `Store.parked_batches`."""
        return [read_batch(record) for record in self._attention(PARKED_SHARD, None, None)]

    def scan_batches(self, earliest: datetime, latest: datetime) -> Iterator[Batch]:
        """Implement `Store.scan_batches`."""
        return self._scan(
            sql.SCAN_RECORDS,
            lambda row: read_batch(operation_of(row)),
            lambda each: (batch_key(each.batch_id),),
            (batch_key(""),),
            *("batch$", BATCH, "created_at", to_text(earliest), to_text(latest)),
        )
