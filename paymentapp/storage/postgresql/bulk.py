"""Bulk runs in the PostgreSQL store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from paymentapp.models.bulk import BulkKey, BulkPage, BulkRow, BulkRun, RowOutcome, bulk_events
from paymentapp.storage.codec.bulk import (
    FIRST_RUN,
    KEY_SORT,
    RUNS,
    bulk_key_partition,
    bulk_key_record,
    due_runs,
    last_run,
    outcome_records,
    outcomes_prefix,
    part_sort_key,
    read_bulk_key,
    read_outcomes,
    read_rows,
    read_run,
    row_records,
    rows_key,
    rows_prefix,
    run_page,
    run_record,
)
from paymentapp.storage.codec.records import Record
from paymentapp.storage.postgresql import sql
from paymentapp.storage.postgresql.records import PostgreSQLRecords, records_json


class PostgreSQLBulk(PostgreSQLRecords):
    """Bulk runs, their rows and their outcomes."""

    def add_bulk_rows(
        self, bulk_id: str, chunk: int, rows: Sequence[BulkRow], expires_at: datetime
    ) -> None:
        """Implement `Store.add_bulk_rows`: by one statement."""
        parts = _parts(bulk_id, rows_prefix(chunk), row_records(rows, expires_at))
        self._execute(sql.ADD_RECORDS, (records_json(parts),))

    def get_bulk_rows(self, bulk_id: str, chunk: int) -> list[BulkRow]:
        """Implement `Store.get_bulk_rows`."""
        return read_rows(self._bulk_parts(bulk_id, rows_prefix(chunk)))

    def delete_bulk_rows(self, bulk_id: str, chunk: int) -> None:
        """Implement `Store.delete_bulk_rows`: by one statement."""
        prefix = rows_prefix(chunk)
        self._execute(sql.DELETE_GROUP, (rows_key(bulk_id), prefix, f"{prefix}~"))

    def add_bulk_outcomes(
        self, bulk_id: str, chunk: int, token: str, outcomes: Sequence[RowOutcome]
    ) -> None:
        """Implement `Store.add_bulk_outcomes`: by one statement."""
        parts = _parts(bulk_id, outcomes_prefix(chunk, token), outcome_records(outcomes))
        self._execute(sql.PUT_RECORDS, (records_json(parts),))

    def get_bulk_outcomes(self, bulk_id: str, chunk: int, token: str) -> list[RowOutcome]:
        """Implement `Store.get_bulk_outcomes`."""
        return read_outcomes(self._bulk_parts(bulk_id, outcomes_prefix(chunk, token)))

    def add_bulk_key(self, key: BulkKey) -> BulkKey:
        """Implement `Store.add_bulk_key`."""
        older = self._add(bulk_key_partition(key.key_hash), KEY_SORT, bulk_key_record(key))
        return read_bulk_key(key.key_hash, older) if older else key

    def get_bulk_key(self, key_hash: str) -> BulkKey | None:
        """Implement `Store.get_bulk_key`."""
        found = self._get(bulk_key_partition(key_hash), KEY_SORT)
        return read_bulk_key(key_hash, found) if found else None

    def add_bulk_run(self, run: BulkRun) -> BulkRun:
        """Implement `Store.add_bulk_run`."""
        older = self._add(RUNS, run.bulk_id, run_record(run))
        return read_run(older) if older else run

    def get_bulk_run(self, bulk_id: str) -> BulkRun | None:
        """Implement `Store.get_bulk_run`."""
        found = self._get(RUNS, bulk_id)
        return read_run(found) if found else None

    def change_bulk_run(self, old: BulkRun, new: BulkRun) -> bool:
        """Implement `Store.change_bulk_run`."""
        records = run_record(old), run_record(new)
        return self._change(RUNS, new.bulk_id, *records, bulk_events(old, new))

    def list_bulk_runs(self, limit: int, before: str | None = None) -> BulkPage:
        """Implement `Store.list_bulk_runs`."""
        found = self._records(sql.RECORDS_BEFORE, RUNS, FIRST_RUN, last_run(before), limit)
        return run_page(found, limit)

    def due_bulk_runs(self, until: datetime, limit: int) -> list[BulkRun]:
        """Implement `Store.due_bulk_runs`."""
        return due_runs(self._attention(RUNS, until, limit), until)

    def _bulk_parts(self, bulk_id: str, prefix: str) -> list[Record]:
        return self._group(rows_key(bulk_id), prefix, f"{prefix}~")


def _parts(bulk_id: str, prefix: str, records: Sequence[Record]) -> list[tuple[str, str, Record]]:
    return [
        (rows_key(bulk_id), part_sort_key(prefix, number), record)
        for number, record in enumerate(records)
    ]
