"""Bulk runs in the Operations table of the SQLite store."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from functools import partial

from paymentapp.clock import to_text
from paymentapp.models.bulk import BulkKey, BulkPage, BulkRow, BulkRun, RowOutcome, bulk_events
from paymentapp.models.payments import PaymentKey
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
from paymentapp.storage.sqlite import sql
from paymentapp.storage.sqlite.events import change_with_events, rows_of
from paymentapp.storage.sqlite.json_documents import to_json
from paymentapp.storage.sqlite.records import SQLiteRecords
from paymentapp.storage.sqlite.statements import Insert, add_if_absent, insert_record, update_record

_Row = tuple[str, str, int | None, str]


class SQLiteBulk(SQLiteRecords):
    """Bulk runs, their rows and their outcomes."""

    def add_bulk_rows(
        self, bulk_id: str, chunk: int, rows: Sequence[BulkRow], expires_at: datetime
    ) -> None:
        """Implement `Store.add_bulk_rows`: in one transaction."""
        pk, prefix = rows_key(bulk_id), rows_prefix(chunk)
        inserts = [
            insert_record(pk, part_sort_key(prefix, number), record)
            for number, record in enumerate(row_records(rows, expires_at))
        ]
        self._connections().writer.run(partial(_add_all, inserts))

    def get_bulk_rows(self, bulk_id: str, chunk: int) -> list[BulkRow]:
        """Implement `Store.get_bulk_rows`."""
        return read_rows(self._bulk_parts(bulk_id, rows_prefix(chunk)))

    def delete_bulk_rows(self, bulk_id: str, chunk: int) -> None:
        """Implement `Store.delete_bulk_rows`."""
        prefix = rows_prefix(chunk)
        values = (rows_key(bulk_id), prefix, f"{prefix}~")
        self._connections().writer.run(partial(_delete, values), one_write=True)

    def add_bulk_outcomes(
        self, bulk_id: str, chunk: int, token: str, outcomes: Sequence[RowOutcome]
    ) -> None:
        """Implement `Store.add_bulk_outcomes`: in one transaction."""
        pk, prefix = rows_key(bulk_id), outcomes_prefix(chunk, token)
        rows: list[_Row] = [
            (pk, part_sort_key(prefix, number), None, to_json(record))
            for number, record in enumerate(outcome_records(outcomes))
        ]
        self._connections().writer.run(partial(_put_all, rows))

    def get_bulk_outcomes(self, bulk_id: str, chunk: int, token: str) -> list[RowOutcome]:
        """Implement `Store.get_bulk_outcomes`."""
        return read_outcomes(self._bulk_parts(bulk_id, outcomes_prefix(chunk, token)))

    def count_by_status(self, keys: Sequence[PaymentKey]) -> dict[str, int]:
        """Implement `Store.count_by_status`."""
        wanted = json.dumps(sorted(set(keys)))
        return Counter(
            status for (status,) in self._connections().read(sql.GET_STATUSES, (wanted,))
        )

    def add_bulk_key(self, key: BulkKey) -> BulkKey:
        """Implement `Store.add_bulk_key`."""
        record = bulk_key_record(key)
        older = self._add(insert_record(bulk_key_partition(key.key_hash), KEY_SORT, record))
        return read_bulk_key(key.key_hash, older) if older else key

    def get_bulk_key(self, key_hash: str) -> BulkKey | None:
        """Implement `Store.get_bulk_key`."""
        found = self._get(sql.GET_RECORD, bulk_key_partition(key_hash), KEY_SORT)
        return read_bulk_key(key_hash, found) if found else None

    def add_bulk_run(self, run: BulkRun) -> BulkRun:
        """Implement `Store.add_bulk_run`."""
        older = self._add(insert_record(RUNS, run.bulk_id, run_record(run)))
        return read_run(older) if older else run

    def get_bulk_run(self, bulk_id: str) -> BulkRun | None:
        """Implement `Store.get_bulk_run`."""
        found = self._get(sql.GET_RECORD, RUNS, bulk_id)
        return read_run(found) if found else None

    def change_bulk_run(self, old: BulkRun, new: BulkRun) -> bool:
        """Implement `Store.change_bulk_run`."""
        update = update_record(RUNS, new.bulk_id, run_record(old), run_record(new))
        rows = rows_of(bulk_events(old, new))
        if not rows:
            return self._update(update)
        return self._connections().writer.run(partial(change_with_events, update, rows))

    def list_bulk_runs(self, limit: int, before: str | None = None) -> BulkPage:
        """Implement `Store.list_bulk_runs`."""
        found = self._read(sql.RECORDS_BEFORE, RUNS, FIRST_RUN, last_run(before), limit)
        return run_page(found, limit)

    def due_bulk_runs(self, until: datetime, limit: int) -> list[BulkRun]:
        """Implement `Store.due_bulk_runs`."""
        return due_runs(self._read(sql.ATTENTION, RUNS, to_text(until), limit), until)

    def _bulk_parts(self, bulk_id: str, prefix: str) -> list[Record]:
        return self._read(sql.GET_RECORDS, rows_key(bulk_id), prefix, f"{prefix}~")


def _add_all(inserts: Sequence[Insert], connection: sqlite3.Connection) -> None:
    for insert in inserts:
        add_if_absent(insert, connection)


def _delete(values: tuple[str, str, str], connection: sqlite3.Connection) -> None:
    connection.execute(sql.DELETE_RECORDS, values)


def _put_all(rows: Sequence[_Row], connection: sqlite3.Connection) -> None:
    connection.executemany(sql.PUT_RECORD, rows)
