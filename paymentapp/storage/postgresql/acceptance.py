"""Accepting a payment in the PostgreSQL store: one statement for its key's record and itself.

Where a payment counts against limits, has to be no duplicate or takes a unique reference, it is one
transaction of two round trips: the second one writes what the first one has locked and read.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from paymentapp.models.duplicates import DuplicateFound
from paymentapp.models.idempotency import IdempotencyRecord
from paymentapp.models.payments import PaymentKey
from paymentapp.models.references import ReferenceTaken
from paymentapp.storage.accepting import PaymentContext
from paymentapp.storage.changes import Acceptance, AcceptResult
from paymentapp.storage.codec.limits import (
    LATEST,
    CounterKey,
    counter_key,
    counter_record,
    likeness_key,
    likeness_record,
    read_slots,
)
from paymentapp.storage.codec.operations import (
    idempotency_record,
    key_partition,
    payment_context,
    read_idempotency_record,
)
from paymentapp.storage.codec.payments import payment_record
from paymentapp.storage.codec.records import Record
from paymentapp.storage.codec.references import HOLDER, holder_record, read_holder, reference_key
from paymentapp.storage.contention import tries
from paymentapp.storage.postgresql import sql
from paymentapp.storage.postgresql.connections import DeadlineConnection
from paymentapp.storage.postgresql.counters import (
    Records,
    counted,
    lock_records,
    locked_records,
    put_records,
)
from paymentapp.storage.postgresql.disbursements import PostgreSQLDisbursements
from paymentapp.storage.postgresql.documents import to_column
from paymentapp.storage.postgresql.failures import failed
from paymentapp.storage.postgresql.records import events_json, records_json
from paymentapp.storage.postgresql.references import PostgreSQLReferences
from paymentapp.storage.postgresql.rows import (
    customer_of,
    operation_change,
    operation_document,
    operation_of,
    operation_values,
    payment_document,
    payment_values,
)
from paymentapp.storage.postgresql.transactions import begun

CLAIM = "claim"
_NOBODY = PaymentKey("", "")


class _Outcome(NamedTuple):
    """Whether the key's record is the wanted one, and whether the payment was added."""

    is_bound: bool
    is_added: bool


class PostgreSQLAcceptance(PostgreSQLReferences, PostgreSQLDisbursements):
    """The acceptance of payments."""

    def read_for_payment(self, customer_id: str, key_hashes: Sequence[str]) -> PaymentContext:
        """Implement `Store.read_for_payment`."""
        keys = [to_column(key_partition(each)) for each in key_hashes]
        rows = self._rows(sql.READ_FOR_PAYMENT, to_column(customer_id), keys)
        customer, claims = None, {}
        for pk, email, revision, created_at, expires_at, document in rows:
            if pk:
                claims[pk] = operation_of((revision, None, None, expires_at, document))
            else:
                customer = customer_of((customer_id, email, revision, created_at, document))
        return payment_context(customer, claims)

    def bind_key(
        self, record: IdempotencyRecord, replaces: IdempotencyRecord | None
    ) -> IdempotencyRecord | None:
        """Implement `Store.bind_key`."""
        pk, new = key_partition(record.key_hash), idempotency_record(record)
        if replaces is None:
            found = self._add(pk, CLAIM, new)
        elif self._change(pk, CLAIM, idempotency_record(replaces), new):
            found = new
        else:
            found = self._get(pk, CLAIM)
            return read_idempotency_record(record.key_hash, found) if found else None
        return read_idempotency_record(record.key_hash, found) if found else record

    def accept(self, acceptance: Acceptance) -> AcceptResult:
        """Implement `Store.accept`."""
        for _ in tries():
            outcome = self._attempt(acceptance)
            if outcome.is_added:
                return AcceptResult(acceptance.payment, acceptance.record)
            if outcome.is_bound:
                result = self._refer(acceptance)
            else:
                result, acceptance = self._compare(acceptance)
            if result is not None:
                return result
        raise failed("locked")

    def _attempt(self, acceptance: Acceptance) -> _Outcome:
        statement, values = _statement_of(acceptance)
        if not acceptance.is_counted:
            ((is_bound, is_added),) = self._execute(statement, values)
            return _Outcome(is_bound, is_added)
        work = partial(_accept_counted, acceptance, statement, values)
        return self._connections().run(work)

    def _refer(self, acceptance: Acceptance) -> AcceptResult | None:
        """Return the payment that has the id, with the key bound; None to try again."""
        payment, record, binding = acceptance.payment, acceptance.record, acceptance.binding
        if acceptance.is_counted and binding is not None:  # its transaction was not committed
            bound = self.bind_key(binding, acceptance.replaces)
            if bound is None or bound.revision != binding.revision:
                return AcceptResult(None, bound)
        stored = self.get_payment(payment.key)
        return AcceptResult(stored, record) if stored else None

    def _compare(self, acceptance: Acceptance) -> tuple[AcceptResult | None, Acceptance]:
        """Return what is stored for the key, where it is another's; else how to go on."""
        record = acceptance.record
        assert record is not None  # noqa: S101  # only a record may not be bound
        found = self._get(key_partition(record.key_hash), CLAIM)
        if found is None:
            return (None if acceptance.replaces is None else AcceptResult(None, None)), acceptance
        if found.get("revision") == record.revision:  # only the payment is missing, if anything
            return None, acceptance._replace(replaces=record)
        other = read_idempotency_record(record.key_hash, found)
        return AcceptResult(None, other), acceptance


def _statement_of(acceptance: Acceptance) -> tuple[str, dict[str, Any]]:
    """Return the statement that accepts a payment, with its values."""
    record = payment_record(acceptance.payment)
    values = {
        **payment_values(record),
        "document": payment_document(record),
        "events": events_json(acceptance.events),
    }
    binding, replaces = acceptance.binding, acceptance.replaces
    if binding is None:
        return sql.ACCEPT, values
    new = idempotency_record(binding)
    columns = operation_values(new)
    values |= {
        "pk": key_partition(binding.key_hash),
        "claim_revision": columns["revision"],
        "claim_expires_at": columns["expires_at"],
    }
    if replaces is None:
        return sql.ACCEPT_WITH_NEW_KEY, values | {"claim": operation_document(new)}
    change = operation_change(idempotency_record(replaces), new)
    return sql.ACCEPT_WITH_KEY_AGAIN, values | {
        "claim": change["changed"],
        "claim_removed": change["removed"],
        "claim_replaces": change["old_revision"],
    }


def _accept_counted(
    acceptance: Acceptance, statement: str, values: dict[str, Any], connection: DeadlineConnection
) -> _Outcome:
    """Accept and count a payment. Raises what undoes both: see `Store.accept`."""
    empty = _empty_records(acceptance)
    with begun(connection) as pipeline:
        cursor = connection.execute(statement, values)
        rows = [(pk, sk, record) for (pk, sk), record in sorted(empty.items())]
        connection.execute(sql.ADD_RECORDS, (records_json(rows),))
        locked = lock_records(empty, connection)
        pipeline.sync()
        outcome = _Outcome(*(cursor.fetchone() or (False, False)))
        if outcome.is_added:
            written = _checked(acceptance, {**empty, **locked_records(locked)})
            put_records(written, connection)
        connection.execute(sql.COMMIT if outcome.is_added else sql.ROLLBACK)
    return outcome


def _empty_records(acceptance: Acceptance) -> Records:
    """Return the records that an acceptance changes, as they are where there is nothing yet."""
    empty: Records = {
        counter_key(charge): counter_record(charge, {}) for charge in acceptance.charges
    }
    if acceptance.alike is not None:
        record = likeness_record(acceptance.alike, "")
        empty[(likeness_key(acceptance.alike), LATEST)] = record
    if acceptance.reference is not None:
        empty[(reference_key(acceptance.reference), HOLDER)] = holder_record(_NOBODY)
    return empty


def _checked(acceptance: Acceptance, records: Records) -> Records:
    """Return the records to write. Raises ReferenceTaken, DuplicateFound, LimitReached."""
    written: Records = {}
    if acceptance.reference is not None:
        key = reference_key(acceptance.reference), HOLDER
        written[key] = _with_reference(acceptance, records[key])
    if acceptance.alike is not None:
        key = likeness_key(acceptance.alike), LATEST
        written[key] = _with_likeness(acceptance, records[key])
    counters = [counter_key(charge) for charge in acceptance.charges]
    slots = {CounterKey(*key): read_slots(records[key]) for key in counters}
    return {**written, **counted(acceptance.charges, slots)}


def _with_reference(acceptance: Acceptance, stored: Record) -> Record:
    key, claim = acceptance.payment.key, acceptance.reference
    holder = read_holder(stored)
    if holder != _NOBODY and claim is not None and not claim.passes(holder, key):
        raise ReferenceTaken(holder)
    return holder_record(key)


def _with_likeness(acceptance: Acceptance, stored: Record) -> Record:
    key, check = acceptance.payment.key, acceptance.alike
    assert check is not None  # noqa: S101  # of the caller
    latest = stored["payment_id"]
    if not check.passes(latest, key.payment_id):
        raise DuplicateFound(PaymentKey(key.customer_id, latest))
    return likeness_record(check, key.payment_id)
