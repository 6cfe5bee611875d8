"""Accepting many payments in the PostgreSQL store: one read, and one statement for all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from paymentapp.models.payments import Payment
from paymentapp.storage.accepting import (
    AcceptRequest,
    PaymentContext,
    contexts_of,
    decided_alone,
)
from paymentapp.storage.changes import Acceptance
from paymentapp.storage.codec.customers import read_customer
from paymentapp.storage.codec.operations import (
    idempotency_record,
    key_partition,
    read_idempotency_record,
)
from paymentapp.storage.codec.payments import payment_record
from paymentapp.storage.postgresql import sql_accept_many
from paymentapp.storage.postgresql.acceptance import CLAIM, PostgreSQLAcceptance
from paymentapp.storage.postgresql.documents import rows_json, to_column, to_json
from paymentapp.storage.postgresql.records import event_values, records_json
from paymentapp.storage.postgresql.rows import customer_of, operation_of, payment_row


class PostgreSQLAcceptMany(PostgreSQLAcceptance):
    """The acceptance of many payments at once."""

    def accept_many(self, requests: Sequence[AcceptRequest]) -> list[Payment | None]:
        """Implement `Store.accept_many`: a payment that counts is accepted by itself.

        After a lost answer the statement finds all its keys bound, and none is returned.
        """
        if not requests:
            return []
        decided = list(map(decided_alone, requests, self._contexts(requests)))
        wanted = {n: each for n, each in enumerate(decided) if each is not None}
        made = self._accept_all(wanted)
        return [wanted[n].payment if n in made else None for n in range(len(requests))]

    def _accept_all(
        self, wanted: Mapping[int, Acceptance], seconds: float | None = None
    ) -> set[int]:
        """Accept payments that are written with their new keys alone; return whose are made."""
        if not wanted:
            return set()
        if len(wanted) == 1:  # by the statement that is cheaper for one
            ((n, acceptance),) = wanted.items()
            return {n} if self._attempt(acceptance).is_added else set()
        rows = self._execute(sql_accept_many.ACCEPT_MANY, _values(wanted), seconds)
        return {n for (n,) in rows}

    def _contexts(self, requests: Sequence[AcceptRequest]) -> Iterator[PaymentContext]:
        """Return what is on record for each request, after one statement."""
        hashes = {key_partition(each): each for request in requests for each in request.key_hashes}
        ids = sorted({each.customer_id for each in requests})
        rows = self._rows(
            sql_accept_many.READ, list(map(to_column, ids)), list(map(to_column, hashes))
        )
        customers, records = {}, {}
        for pk, customer_id, email, revision, created_at, document, expires_at in rows:
            if pk:
                found = operation_of((revision, None, None, expires_at, document))
                records[hashes[pk]] = read_idempotency_record(hashes[pk], found)
            else:
                row = customer_id, email, revision, created_at, document
                customer = read_customer(customer_of(row))
                customers[customer.customer_id] = customer
        return contexts_of(requests, customers, records)


def _values(wanted: Mapping[int, Acceptance]) -> dict[str, Any]:
    """Return the values of the statement; each payment and event has the number of its request."""
    keys, payments = [], []
    for n, acceptance in wanted.items():
        record = acceptance.record
        assert record is not None  # noqa: S101  # of `decided_alone`
        keys.append((key_partition(record.key_hash), CLAIM, idempotency_record(record)))
        row = payment_row(payment_record(acceptance.payment))
        payments.append({"n": n, "key_revision": record.revision, **row})
    events = [each for n, one in wanted.items() for each in event_values(one.events, n)]
    return {
        "keys": records_json(keys),
        "payments": rows_json(payments),
        "events": to_json(events),
    }
