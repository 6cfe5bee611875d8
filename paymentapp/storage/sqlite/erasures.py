"""Erasing customers in the SQLite store."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

from paymentapp.models.batches import Batch
from paymentapp.models.customer_history import CustomerHistoryEntry
from paymentapp.models.customers import Customer
from paymentapp.models.erasures import Erasure
from paymentapp.models.holds import Hold
from paymentapp.models.payments import PaymentKey
from paymentapp.storage.changes import PaymentErasure
from paymentapp.storage.codec.batches import batch_key, erased_chunk
from paymentapp.storage.codec.erasures import ERASURES, erasure_record, erasures_of, read_erasure
from paymentapp.storage.codec.operations import HOLDS, RELEASED_HOLDS
from paymentapp.storage.sqlite import sql
from paymentapp.storage.sqlite.customers import (
    SQLiteCustomers,
    change_with_history,
    customer_update,
)
from paymentapp.storage.sqlite.database import connect, unavailable, write_lock
from paymentapp.storage.sqlite.disbursements import SQLiteDisbursements
from paymentapp.storage.sqlite.json_documents import from_json
from paymentapp.storage.sqlite.statements import (
    Insert,
    Update,
    add_if_absent,
    insert_record,
    make_change,
    update_record,
)

VACUUM_MAX = 64 * 1024 * 1024  # bytes of a file that is rewritten in less than a second


class SQLiteErasures(SQLiteCustomers, SQLiteDisbursements):
    """Erasing customers, and overwriting what is left of them in the file."""

    _path: Path

    def erase_customer(
        self,
        old: Customer,
        tombstone: Customer,
        history: Sequence[CustomerHistoryEntry],
        erasure: Erasure,
    ) -> bool:
        """Implement `ErasingStore.erase_customer`."""
        update = customer_update(old, tombstone)
        insert = insert_record(ERASURES, erasure.customer_id, erasure_record(erasure))
        work = partial(_erase_customer, update, history, insert)
        return self._connections().writer.run(work)

    def list_erasures(self) -> list[Erasure]:
        """Implement `ErasingStore.list_erasures`."""
        return erasures_of(self._read(sql.GET_RECORDS, ERASURES, "", sql.AFTER_EVERY_ID))

    def get_erasure(self, customer_id: str) -> Erasure | None:
        """Implement `ErasingStore.get_erasure`."""
        found = self._get(sql.GET_RECORD, ERASURES, customer_id)
        return read_erasure(found) if found else None

    def change_erasure(self, old: Erasure, new: Erasure) -> bool:
        """Implement `ErasingStore.change_erasure`."""
        records = erasure_record(old), erasure_record(new)
        return self._change(ERASURES, new.customer_id, *records)

    def end_erasure(self, erasure: Erasure) -> None:
        """Implement `ErasingStore.end_erasure`."""
        values = ERASURES, erasure.customer_id, erasure.revision
        work = partial(_execute, sql.DELETE_RECORD, [values])
        self._connections().writer.run(work, one_write=True)

    def erase_payments(self, erasures: Sequence[PaymentErasure]) -> list[bool]:
        """Implement `ErasingStore.erase_payments`: the indexes change with the documents."""
        return self.change_payments(erasures)

    def erase_members(self, batch: Batch, keys: Collection[PaymentKey]) -> bool:
        """Implement `ErasingStore.erase_members`: in one transaction."""
        work = partial(_erase_members, batch, frozenset(keys))
        return self._connections().writer.run(work)

    def erase_hold(self, hold: Hold) -> None:
        """Implement `ErasingStore.erase_hold`: in one transaction."""
        keys = (HOLDS, hold.target), (RELEASED_HOLDS, hold.hold_id)
        work = partial(_execute, sql.ERASE_HOLD, [(*key, hold.hold_id) for key in keys])
        self._connections().writer.run(work)

    def purge(self, *, everything: bool = False) -> bool:
        """Rewrite the file, and empty the write-ahead log.

        `secure_delete` overwrites what is deleted, but not the copies that are left in the unused
        part of a page when SQLite moves its rows to other pages: only VACUUM removes these. Other
        writers wait for it; readers do not. A reader that has not finished keeps the log from being
        emptied.
        """
        try:
            small = self._path.stat().st_size <= VACUUM_MAX
            with write_lock(self._path), closing(connect(self._path)) as connection:
                if small:
                    connection.execute("PRAGMA temp_store = MEMORY")
                if small or everything:
                    connection.execute("VACUUM")
                busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except (sqlite3.Error, OSError) as error:
            raise unavailable(error) from error
        return (small or everything) and not busy


def _erase_customer(
    update: Update,
    history: Sequence[CustomerHistoryEntry],
    insert: Insert,
    connection: sqlite3.Connection,
) -> bool:
    if not change_with_history(update, history, connection):
        return False
    add_if_absent(insert, connection)
    return True


def _execute(
    statement: str, rows: Sequence[tuple[str, ...]], connection: sqlite3.Connection
) -> None:
    for row in rows:
        connection.execute(statement, row)


def _erase_members(
    batch: Batch, keys: Collection[PaymentKey], connection: sqlite3.Connection
) -> bool:
    changed = False
    pk = batch_key(batch.batch_id)
    rows = connection.execute(sql.GET_CHUNKS, (pk,)).fetchall()
    for sk, document in rows:
        old = from_json(document)
        new = erased_chunk(batch, old, keys)
        if new is not None:
            changed = make_change(update_record(pk, sk, old, new), connection) or changed
    return changed
