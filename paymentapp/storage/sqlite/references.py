"""Unique references in the SQLite store, taken inside the transaction of their payment."""

from __future__ import annotations

import sqlite3

from paymentapp.models.payments import PaymentKey
from paymentapp.models.references import ReferenceClaim, ReferenceTaken
from paymentapp.storage.codec.references import HOLDER, holder_record, read_holder, reference_key
from paymentapp.storage.sqlite import sql
from paymentapp.storage.sqlite.json_documents import from_json, to_json
from paymentapp.storage.sqlite.records import SQLiteRecords


class SQLiteReferences(SQLiteRecords):
    """The payments that have unique references."""

    def reference_holder(self, claim: ReferenceClaim) -> PaymentKey | None:
        """Implement `Store.reference_holder`."""
        found = self._get(sql.GET_RECORD, reference_key(claim), HOLDER)
        return read_holder(found) if found else None


def take_reference(claim: ReferenceClaim, key: PaymentKey, connection: sqlite3.Connection) -> None:
    """Have a payment take a reference. Raises ReferenceTaken, which undoes the transaction."""
    pk = reference_key(claim)
    row = connection.execute(sql.GET_RECORD, (pk, HOLDER)).fetchone()
    holder = read_holder(from_json(row[0])) if row else None
    if holder is not None and not claim.passes(holder, key):
        raise ReferenceTaken(holder)
    connection.execute(sql.PUT_RECORD, (pk, HOLDER, None, to_json(holder_record(key))))
