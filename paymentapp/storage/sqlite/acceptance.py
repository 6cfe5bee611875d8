"""Accepting a payment in the SQLite store: one transaction for its key's record and itself."""

from __future__ import annotations

import sqlite3
from functools import partial
from typing import NamedTuple

from paymentapp.models.idempotency import IdempotencyRecord
from paymentapp.storage.base import Acceptance, AcceptResult
from paymentapp.storage.codec.operations import (
    idempotency_record,
    key_partition,
    read_idempotency_record,
)
from paymentapp.storage.codec.payments import read_payment
from paymentapp.storage.codec.records import Record
from paymentapp.storage.sqlite import sql
from paymentapp.storage.sqlite.disbursements import insert_payment
from paymentapp.storage.sqlite.group_commit import Work
from paymentapp.storage.sqlite.json_documents import from_json
from paymentapp.storage.sqlite.limits import count, note_likeness
from paymentapp.storage.sqlite.references import SQLiteReferences, take_reference
from paymentapp.storage.sqlite.statements import (
    Insert,
    Update,
    add_if_absent,
    insert_record,
    make_change,
    update_record,
)


class _Stored(NamedTuple):
    """What was in the way: a payment with the id, or another record of the key."""

    bound: bool  # whether the key's record is the wanted one
    payment: Record | None = None
    record: Record | None = None


class SQLiteAcceptance(SQLiteReferences):
    """The acceptance of payments."""

    def accept(self, acceptance: Acceptance) -> AcceptResult:
        """Implement `Store.accept`."""
        payment, record, binding = acceptance.payment, acceptance.record, acceptance.binding
        bind = _bind(binding, acceptance.replaces) if binding else None
        work = partial(_accept, bind, insert_payment(payment))
        if acceptance.is_counted:
            work = partial(_accept_counted, acceptance, work)
        one_write = bind is None and not acceptance.is_counted
        found = self._connections().writer.run(work, one_write=one_write)
        if record is not None and not found.bound:
            older = found.record
            return AcceptResult(
                None, read_idempotency_record(record.key_hash, older) if older else None
            )
        return AcceptResult(read_payment(found.payment) if found.payment else payment, record)


def _bind(record: IdempotencyRecord, replaces: IdempotencyRecord | None) -> Insert | Update:
    pk, new = key_partition(record.key_hash), idempotency_record(record)
    if replaces is None:
        return insert_record(pk, "claim", new)
    return update_record(pk, "claim", idempotency_record(replaces), new)


def _accept_counted(
    acceptance: Acceptance, accept: Work[_Stored], connection: sqlite3.Connection
) -> _Stored:
    """Accept, and count what was added; raises what undoes all of it."""
    found = accept(connection)
    if found.bound and found.payment is None:
        if acceptance.reference is not None:
            take_reference(acceptance.reference, acceptance.payment.key, connection)
        if acceptance.alike is not None:
            note_likeness(acceptance.alike, acceptance.payment.key, connection)
        count(acceptance.charges, connection)
    return found


def _accept(bind: Insert | Update | None, add: Insert, connection: sqlite3.Connection) -> _Stored:
    if isinstance(bind, Update) and not make_change(bind, connection):
        row = connection.execute(sql.GET_RECORD, bind.key).fetchone()
        return _Stored(bound=False, record=from_json(row[0]) if row else None)
    if isinstance(bind, Insert):
        older = add_if_absent(bind, connection)
        if older is not None and older["revision"] != bind.revision:
            return _Stored(bound=False, record=older)
    return _Stored(bound=True, payment=add_if_absent(add, connection))
