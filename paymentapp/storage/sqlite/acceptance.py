"""Accepting payments in the SQLite store: one transaction for a payment and its key's record."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

from paymentapp.errors import PaymentAppError, StoreUnavailable
from paymentapp.models.duplicates import DuplicateFound
from paymentapp.models.idempotency import IdempotencyRecord
from paymentapp.models.limits import LimitReached
from paymentapp.models.payments import Payment
from paymentapp.storage.accepting import (
    AcceptRequest,
    Attempt,
    Decide,
    PaymentContext,
    contexts_of,
)
from paymentapp.storage.changes import Acceptance, AcceptResult
from paymentapp.storage.codec.customers import read_customer
from paymentapp.storage.codec.operations import (
    idempotency_record,
    key_partition,
    read_idempotency_record,
)
from paymentapp.storage.codec.payments import read_payment
from paymentapp.storage.codec.records import Record
from paymentapp.storage.sqlite import sql
from paymentapp.storage.sqlite.disbursements import insert_payment
from paymentapp.storage.sqlite.events import EventRow, announce, announce_many, rows_of
from paymentapp.storage.sqlite.json_documents import from_json
from paymentapp.storage.sqlite.limits import count, note_likeness
from paymentapp.storage.sqlite.operations import SQLiteOperations, context_values, read_context
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


class _Addition(NamedTuple):
    """A payment to add, with what is written if it is added."""

    insert: Insert
    acceptance: Acceptance
    events: Sequence[EventRow]


class SQLiteAcceptance(SQLiteReferences, SQLiteOperations):
    """The acceptance of payments."""

    def accept(self, acceptance: Acceptance) -> AcceptResult:
        """Implement `Store.accept`."""
        work = partial(_accept, *_writes_of(acceptance))
        return _result_of(acceptance, self._connections().writer.run(work))

    def bind_key(
        self, record: IdempotencyRecord, replaces: IdempotencyRecord | None
    ) -> IdempotencyRecord | None:
        """Implement `Store.bind_key`."""
        found = self._connections().writer.run(partial(_bound, _bind(record, replaces)))
        return read_idempotency_record(record.key_hash, found) if found else None

    def accept_at_once(
        self, customer_id: str, key_hashes: Sequence[str], decide: Decide
    ) -> Attempt:
        """Implement `Store.accept_at_once`: one job of the writer.

        Where nothing can be written, an earlier payment is still found, and a refusal still given.
        """
        values = context_values(customer_id, key_hashes)
        try:
            return self._connections().writer.run(partial(_accept_at_once, values, decide))
        except StoreUnavailable:
            context = self.read_for_payment(customer_id, key_hashes)
            if decide(context) is not None:
                raise
            return Attempt(context)

    def accept_many(self, requests: Sequence[AcceptRequest]) -> list[Payment | None]:
        """Implement `Store.accept_many`: in one transaction."""
        return self._connections().writer.run(partial(_accept_many, requests))


def _accept_many(
    requests: Sequence[AcceptRequest], connection: sqlite3.Connection
) -> list[Payment | None]:
    contexts = _contexts(requests, connection)
    events: list[EventRow] = []
    accepted = [
        _accept_one_of(*each, events, connection) for each in zip(requests, contexts, strict=True)
    ]
    announce_many(events, connection)
    return accepted


def _contexts(
    requests: Sequence[AcceptRequest], connection: sqlite3.Connection
) -> Iterator[PaymentContext]:
    """Return what is on record for each request; a key of two requests binds the first alone."""
    ids = json.dumps(sorted({each.customer_id for each in requests}))
    hashes = {key_partition(each): each for request in requests for each in request.key_hashes}
    customers = {
        each.customer_id: each
        for (document,) in connection.execute(sql.GET_CUSTOMERS, (ids,))
        for each in [read_customer(from_json(document))]
    }
    records = {
        hashes[pk]: read_idempotency_record(hashes[pk], from_json(document))
        for pk, document in connection.execute(sql.GET_KEYS, (json.dumps(list(hashes)),))
    }
    return contexts_of(requests, customers, records)


def _accept_one_of(
    request: AcceptRequest,
    context: PaymentContext,
    events: list[EventRow],
    connection: sqlite3.Connection,
) -> Payment | None:
    """Accept one of several payments; return it, or None where it is not added.

    What it announces is added to `events`.
    """
    try:
        acceptance = request.decide(context)
    except PaymentAppError:
        return None
    if acceptance is None:
        return None
    bind, addition = _writes_of(acceptance)
    written = _Addition(addition.insert, acceptance, ())
    if acceptance.is_counted:
        stored = _counted(bind, written, connection)
    else:
        stored = _accept(bind, written, connection)  # which leaves nothing to undo
    if not stored.bound or stored.payment is not None:
        return None
    events += addition.events
    return acceptance.payment


def _counted(
    bind: Insert | Update | None, addition: _Addition, connection: sqlite3.Connection
) -> _Stored:
    """Add a payment that counts; a savepoint undoes what belongs to it where it is refused."""
    connection.execute("SAVEPOINT payment")
    try:
        stored = _accept(bind, addition, connection)
    except (LimitReached, DuplicateFound):
        stored = _Stored(bound=False)
        connection.execute("ROLLBACK TO payment")
    connection.execute("RELEASE payment")
    return stored


def _accept_at_once(
    values: tuple[str | None, ...], decide: Decide, connection: sqlite3.Connection
) -> Attempt:
    context = read_context(connection.execute(sql.READ_FOR_PAYMENT, values))
    acceptance = decide(context)
    if acceptance is None:
        return Attempt(context)
    stored = _accept(*_writes_of(acceptance), connection)
    return Attempt(context, acceptance, _result_of(acceptance, stored))


def _writes_of(acceptance: Acceptance) -> tuple[Insert | Update | None, _Addition]:
    """Return what binds the key, if that is to be written, and what adds the payment."""
    binding = acceptance.binding
    bind = _bind(binding, acceptance.replaces) if binding else None
    insert = insert_payment(acceptance.payment)
    return bind, _Addition(insert, acceptance, rows_of(acceptance.events))


def _result_of(acceptance: Acceptance, found: _Stored) -> AcceptResult:
    payment, record = acceptance.payment, acceptance.record
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


def _accept(
    bind: Insert | Update | None, addition: _Addition, connection: sqlite3.Connection
) -> _Stored:
    """Bind the key and add the payment. Raises what undoes both."""
    if isinstance(bind, Update) and not make_change(bind, connection):
        row = connection.execute(sql.GET_RECORD, bind.key).fetchone()
        return _Stored(bound=False, record=from_json(row[0]) if row else None)
    if isinstance(bind, Insert):
        older = add_if_absent(bind, connection)
        if older is not None and older["revision"] != bind.revision:
            return _Stored(bound=False, record=older)
    stored = add_if_absent(addition.insert, connection)
    if stored is None:
        _count(addition.acceptance, connection)
        announce(addition.events, connection)
    return _Stored(bound=True, payment=stored)


def _bound(bind: Insert | Update, connection: sqlite3.Connection) -> Record | None:
    """Bind a key; return the record that is then stored for it, None where there is none."""
    if isinstance(bind, Insert):
        add_if_absent(bind, connection)
    else:
        make_change(bind, connection)
    row = connection.execute(sql.GET_RECORD, bind.key).fetchone()
    return from_json(row[0]) if row else None


def _count(acceptance: Acceptance, connection: sqlite3.Connection) -> None:
    """Count a payment that was added. Raises LimitReached, DuplicateFound, ReferenceTaken."""
    if acceptance.reference is not None:
        take_reference(acceptance.reference, acceptance.payment.key, connection)
    if acceptance.alike is not None:
        note_likeness(acceptance.alike, acceptance.payment.key, connection)
    count(acceptance.charges, connection)
