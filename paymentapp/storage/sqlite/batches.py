"""Batches in the Operations table of the SQLite store."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial

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
from paymentapp.storage.sqlite import sql
from paymentapp.storage.sqlite.events import change_with_events, rows_of
from paymentapp.storage.sqlite.records import SQLiteRecords
from paymentapp.storage.sqlite.statements import add_if_absent, insert_record, update_record


class SQLiteBatches(SQLiteRecords):
    """Batches and their members, by batch id."""

    def add_batch(self, batch: Batch, members: Sequence[Member]) -> None:
        """Implement `Store.add_batch`."""
        pk = batch_key(batch.batch_id)
        chunks = enumerate(member_records(batch, members))
        inserts = [insert_record(pk, f"members#{number:04}", chunk) for number, chunk in chunks]
        inserts.append(insert_record(pk, BATCH, batch_record(batch)))

        def work(connection: sqlite3.Connection) -> None:
            for insert in inserts:
                older = add_if_absent(insert, connection)
                if older and older["revision"] != batch.revision:
                    raise Conflict("there is a batch of this id")

        self._connections().writer.run(work)

    def get_batch(self, batch_id: str) -> Batch | None:
        """Implement `Store.get_batch`."""
        found = self._get(sql.GET_RECORD, batch_key(batch_id), BATCH)
        return read_batch(found) if found else None

    def get_members(self, batch: Batch) -> list[Member]:
        """Implement `Store.get_members`."""
        found = self._read(sql.GET_RECORDS, batch_key(batch.batch_id), "members#", "members~")
        return read_members(batch, found)

    def change_batch(self, old: Batch, new: Batch) -> bool:
        """Implement `Store.change_batch`."""
        records = batch_record(old), batch_record(new)
        update = update_record(batch_key(new.batch_id), BATCH, *records)
        rows = rows_of(parking_events(old, new))
        if not rows:
            return self._update(update)
        return self._connections().writer.run(partial(change_with_events, update, rows))

    def due_batches(self, shard: int, until: datetime, limit: int) -> list[Batch]:
        """Implement `Store.due_batches`."""
        found = self._read(sql.ATTENTION, str(shard), to_text(until), limit)
        return [read_batch(record) for record in found]

    def parked_batches(self) -> list[Batch]:
        """Implement `Store.parked_batches`."""
        found = self._read(sql.ATTENTION, PARKED_SHARD, sql.AFTER_EVERY_ID, -1)
        return [read_batch(record) for record in found]

    def scan_batches(self, earliest: datetime, latest: datetime) -> Iterator[Batch]:
        """Implement `Store.scan_batches`."""
        span = to_text(earliest), to_text(latest)
        return self._scan(
            sql.SCAN_BATCHES,
            read_batch,
            lambda each: (batch_key(each.batch_id),),
            (batch_key(""),),
            *span,
        )
