"""The Store interface over one SQLite file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from paymentapp.clock import to_text
from paymentapp.errors import Conflict
from paymentapp.events import Event
from paymentapp.models import (
    ApiKey,
    Batch,
    Customer,
    KeyClaim,
    Member,
    Payment,
    PaymentKey,
)
from paymentapp.notes import Note
from paymentapp.storage import batch_codec, codec, event_codec
from paymentapp.storage.base import Lease, Page, PageQuery, PaymentChange
from paymentapp.storage.codec import Record
from paymentapp.storage.per_process import PerProcess
from paymentapp.storage.sqlite import files, sql
from paymentapp.storage.sqlite.documents import from_json, patch, to_json
from paymentapp.storage.sqlite.process import Process

_Each = TypeVar("_Each")


class _Insert(NamedTuple):
    """A statement that adds a record where there is none, and one that finds what is there."""

    add: str
    values: tuple[Any, ...]
    get: str
    key: tuple[str, ...]


class _Update(NamedTuple):
    """A statement that replaces one revision by another, and one that finds the current one."""

    change: str
    values: tuple[Any, ...]
    get_revision: str
    key: tuple[str, ...]
    revision: str


class SQLiteStore:
    """Everything in one file, which the processes of one machine share.

    The file belongs to one service, so its tables need no prefix.
    """

    def __init__(self, path: Path) -> None:
        self.description = f"SQLite {path}"
        self._path = path.absolute()
        self._here = PerProcess(partial(Process, self._path))

    def create_tables(self) -> list[str]:
        try:
            return files.create(self._path)
        except (sqlite3.Error, OSError) as error:
            raise files.unavailable(error) from error

    def ping(self) -> None:
        for statement in sql.PINGS:
            self._here().read(statement)

    def close(self) -> None:
        self._here.close()

    # Customers

    def add_customer(self, customer: Customer) -> Customer:
        key = (customer.customer_id,)
        values = (*key, to_json(codec.customer_record(customer)))
        older = self._add(_Insert(sql.ADD_CUSTOMER, values, sql.GET_CUSTOMER, key))
        return codec.read_customer(older) if older else customer

    def get_customer(self, customer_id: str) -> Customer | None:
        found = self._get(sql.GET_CUSTOMER, customer_id)
        return codec.read_customer(found) if found else None

    def change_customer(self, old: Customer, new: Customer) -> bool:
        records = codec.customer_record(old), codec.customer_record(new)
        key = (old.customer_id,)
        values = (patch(*records), *key, old.revision)
        return self._update(
            _Update(sql.CHANGE_CUSTOMER, values, sql.GET_CUSTOMER_REVISION, key, new.revision)
        )

    def scan_customers(self) -> Iterator[Customer]:
        return self._scan(
            sql.SCAN_CUSTOMERS, codec.read_customer, lambda each: (each.customer_id,), ("",)
        )

    # Disbursements

    def add_payment(self, payment: Payment) -> Payment:
        record = codec.payment_record(payment)
        values = (*payment.key, *_indexed_payment(record), to_json(record))
        older = self._add(_Insert(sql.ADD_PAYMENT, values, sql.GET_PAYMENT, payment.key))
        return codec.read_payment(older) if older else payment

    def get_payment(self, key: PaymentKey) -> Payment | None:
        found = self._get(sql.GET_PAYMENT, *key)
        return codec.read_payment(found) if found else None

    def get_payments(self, keys: Sequence[PaymentKey]) -> dict[PaymentKey, Payment]:
        found = self._read(sql.GET_PAYMENTS, json.dumps(keys))
        return {payment.key: payment for payment in map(codec.read_payment, found)}

    def change_payments(self, changes: Sequence[PaymentChange]) -> list[bool]:
        updates = [_payment_update(old, new) for old, new in changes]
        return self._here().writer.run(partial(_change_all, updates)) if updates else []

    def list_payments(self, customer_id: str, query: PageQuery) -> Page:
        found = self._read(
            sql.LIST_PAYMENTS,
            customer_id,
            query.earliest or "",
            query.latest or sql.AFTER_EVERY_ID,
            query.before or sql.AFTER_EVERY_ID,
            query.limit,
        )
        payments = [codec.read_payment(record) for record in found]
        last_read = payments[-1].payment_id if len(payments) == query.limit else None
        return Page([p for p in payments if query.status in (None, p.status)], last_read)

    def due_payments(self, shard: int, until: datetime, limit: int) -> list[Payment]:
        found = self._read(sql.DUE_PAYMENTS, str(shard), to_text(until), limit)
        return [codec.read_payment(record) for record in found]

    def scan_payments(self, earliest: datetime, latest: datetime) -> Iterator[Payment]:
        span = to_text(earliest), to_text(latest)
        return self._scan(
            sql.SCAN_PAYMENTS, codec.read_payment, lambda each: each.key, ("", ""), *span
        )

    # Idempotency keys

    def claim_key(self, claim: KeyClaim) -> KeyClaim:
        insert = _insert(f"key#{claim.key_hash}", "claim", codec.claim_record(claim))
        older = self._add(insert)
        return codec.read_claim(claim.key_hash, older) if older else claim

    def change_claim(self, old: KeyClaim, new: KeyClaim) -> bool:
        records = codec.claim_record(old), codec.claim_record(new)
        return self._change(f"key#{new.key_hash}", "claim", *records)

    # Batches

    def add_batch(self, batch: Batch, members: Sequence[Member]) -> None:
        pk = f"batch#{batch.batch_id}"
        chunks = enumerate(batch_codec.member_records(batch, members))
        inserts = [_insert(pk, f"members#{number:04}", chunk) for number, chunk in chunks]
        inserts.append(_insert(pk, "header", batch_codec.batch_record(batch)))

        def work(connection: sqlite3.Connection) -> None:
            for insert in inserts:
                older = _add(insert, connection)
                if older and older["revision"] != batch.revision:
                    raise Conflict("there is a batch of this id")

        self._here().writer.run(work)

    def get_batch(self, batch_id: str) -> Batch | None:
        found = self._get(sql.GET_RECORD, f"batch#{batch_id}", "header")
        return batch_codec.read_batch(found) if found else None

    def get_members(self, batch: Batch) -> list[Member]:
        found = self._read(sql.GET_RECORDS, f"batch#{batch.batch_id}", "members#", "members~")
        return batch_codec.read_members(batch, found)

    def change_batch(self, old: Batch, new: Batch) -> bool:
        records = batch_codec.batch_record(old), batch_codec.batch_record(new)
        return self._change(f"batch#{new.batch_id}", "header", *records)

    def due_batches(self, shard: int, until: datetime, limit: int) -> list[Batch]:
        found = self._read(sql.ATTENTION, str(shard), to_text(until), limit)
        return [batch_codec.read_batch(record) for record in found]

    def parked_batches(self) -> list[Batch]:
        found = self._read(sql.ATTENTION, batch_codec.PARKED_SHARD, sql.AFTER_EVERY_ID, -1)
        return [batch_codec.read_batch(record) for record in found]

    def scan_batches(self, earliest: datetime, latest: datetime) -> Iterator[Batch]:
        span = to_text(earliest), to_text(latest)
        return self._scan(
            sql.SCAN_BATCHES,
            batch_codec.read_batch,
            lambda each: (f"batch#{each.batch_id}",),
            ("batch#",),
            *span,
        )

    # Webhook events

    def add_event(self, event: Event) -> Event:
        record = event_codec.event_record(event)
        older = self._add(_insert(event_codec.event_key(event), event_codec.SORT_KEY, record))
        return event_codec.read_event(older) if older else event

    def change_event(self, old: Event, new: Event) -> bool:
        records = event_codec.event_record(old), event_codec.event_record(new)
        return self._change(event_codec.event_key(new), event_codec.SORT_KEY, *records)

    def due_events(self, shard: int, until: datetime, limit: int) -> list[Event]:
        where = event_codec.attention_shard(shard)
        found = self._read(sql.ATTENTION, where, to_text(until), limit)
        return [event_codec.read_event(record) for record in found]

    # A provider's own notes

    def add_note(self, note: Note) -> Note:
        older = self._add(_insert(f"note#{note.name}", "note", codec.note_record(note)))
        return codec.read_note(note.name, older) if older else note

    def get_note(self, name: str) -> Note | None:
        found = self._get(sql.GET_RECORD, f"note#{name}", "note")
        return codec.read_note(name, found) if found else None

    def change_note(self, old: Note, new: Note) -> bool:
        records = codec.note_record(old), codec.note_record(new)
        return self._change(f"note#{new.name}", "note", *records)

    # Leases

    def hold_lease(self, wanted: Lease, now: datetime) -> Lease:
        document = to_json(codec.lease_record(wanted))
        values = (wanted.name, document, wanted.owner, to_text(now))
        key = ("lease", wanted.name)
        holder = self._add(_Insert(sql.HOLD_LEASE, values, sql.GET_RECORD, key))
        return codec.read_lease(wanted.name, holder) if holder else wanted

    def get_lease(self, name: str) -> Lease | None:
        found = self._get(sql.GET_RECORD, "lease", name)
        return codec.read_lease(name, found) if found else None

    # API keys

    def add_api_key(self, key: ApiKey) -> None:
        older = self._add(_insert("apikey", key.key_id, codec.api_key_record(key)))
        if older and codec.read_api_key(older) != key:
            raise Conflict("there is an API key of this id")

    def get_api_key(self, key_id: str) -> ApiKey | None:
        found = self._get(sql.GET_RECORD, "apikey", key_id)
        return codec.read_api_key(found) if found else None

    def list_api_keys(self) -> list[ApiKey]:
        found = self._read(sql.GET_RECORDS, "apikey", "", sql.AFTER_EVERY_ID)
        return sorted(map(codec.read_api_key, found), key=lambda key: key.created_at)

    def revoke_api_key(self, key_id: str, at: datetime) -> bool:
        def work(connection: sqlite3.Connection) -> bool:
            return connection.execute(sql.REVOKE_API_KEY, (to_text(at), key_id)).rowcount == 1

        return self._here().writer.run(work)

    def _get(self, statement: str, *values: Any) -> Record | None:
        found = self._read(statement, *values)
        return found[0] if found else None

    def _read(self, statement: str, *values: Any) -> list[Record]:
        return [from_json(document) for (document,) in self._here().read(statement, values)]

    def _scan(
        self,
        statement: str,
        read: Callable[[Record], _Each],
        key_of: Callable[[_Each], tuple[str, ...]],
        after: tuple[str, ...],
        *bounds: str,
    ) -> Iterator[_Each]:
        """Yield everything from behind a key on; a query for each chunk, so that no reader holds
        back the log for long."""
        while True:
            found = self._read(statement, *after, *bounds, sql.SCAN_CHUNK)
            for each in map(read, found):
                after = key_of(each)
                yield each
            if len(found) < sql.SCAN_CHUNK:
                return

    def _add(self, insert: _Insert) -> Record | None:
        """Add a record, or return the one that is there."""
        return self._here().writer.run(partial(_add, insert), one_write=True)

    def _change(self, pk: str, sk: str, old: Record, new: Record) -> bool:
        values = (patch(old, new), *_indexed(new), pk, sk, old["revision"])
        key = (pk, sk)
        return self._update(
            _Update(sql.CHANGE_RECORD, values, sql.GET_RECORD_REVISION, key, new["revision"])
        )

    def _update(self, update: _Update) -> bool:
        return self._here().writer.run(partial(_changed, update), one_write=True)


def _insert(pk: str, sk: str, record: Record) -> _Insert:
    values = (pk, sk, *_indexed(record), to_json(record))
    return _Insert(sql.ADD_RECORD, values, sql.GET_RECORD, (pk, sk))


def _payment_update(old: Payment, new: Payment) -> _Update:
    before, after = codec.payment_record(old), codec.payment_record(new)
    values = (patch(before, after), *_indexed_payment(after), *old.key, old.revision)
    return _Update(sql.CHANGE_PAYMENT, values, sql.GET_PAYMENT_REVISION, old.key, new.revision)


def _indexed(record: Record) -> tuple[Any, ...]:
    names = ("revision", "attention_shard", "attention_at", "expires_at")
    return tuple(record.get(name) for name in names)


def _indexed_payment(record: Record) -> tuple[Any, ...]:
    return record["revision"], record["due_shard"], record.get("due_at")


def _add(insert: _Insert, connection: sqlite3.Connection) -> Record | None:
    if connection.execute(insert.add, insert.values).rowcount:
        return None
    (document,) = connection.execute(insert.get, insert.key).fetchone()
    return from_json(document)


def _change_all(updates: Sequence[_Update], connection: sqlite3.Connection) -> list[bool]:
    return [_changed(update, connection) for update in updates]


def _changed(update: _Update, connection: sqlite3.Connection) -> bool:
    """Whether the change is made: now, or by the same caller before."""
    if connection.execute(update.change, update.values).rowcount:
        return True
    found = connection.execute(update.get_revision, update.key).fetchone()
    return found is not None and found[0] == update.revision
