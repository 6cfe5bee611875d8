"""The other records in the Operations table of the SQLite store."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial

from paymentapp.clock import to_text
from paymentapp.errors import Conflict
from paymentapp.models.api_keys import ApiKey
from paymentapp.models.events import hold_event
from paymentapp.models.holds import Hold
from paymentapp.models.provider_events import ProviderEvent
from paymentapp.models.provider_state import StateEntry
from paymentapp.storage.accepting import PaymentContext
from paymentapp.storage.base import Lease
from paymentapp.storage.codec.operations import (
    HOLDS,
    RELEASED_HOLDS,
    api_key_record,
    hold_record,
    holds_of,
    key_partition,
    lease_record,
    payment_context,
    read_api_key,
    read_hold,
    read_lease,
    read_state,
    state_record,
)
from paymentapp.storage.codec.provider_events import (
    ASIDE_SHARD,
    SORT_KEY,
    attention_shard,
    event_key,
    event_record,
    read_event,
)
from paymentapp.storage.codec.records import Record
from paymentapp.storage.sqlite import sql
from paymentapp.storage.sqlite.events import announce, rows_of
from paymentapp.storage.sqlite.json_documents import from_json, to_json
from paymentapp.storage.sqlite.records import SQLiteRecords
from paymentapp.storage.sqlite.statements import Insert, add_if_absent, insert_record

EXPIRED_MAX = 1000  # records that are deleted at a time, so that no other write waits for long


class SQLiteOperations(SQLiteRecords):
    """What a payment needs, provider events and state, leases, holds and API keys."""

    def read_for_payment(self, customer_id: str, key_hashes: Sequence[str]) -> PaymentContext:
        """Implement `Store.read_for_payment`."""
        rows = self._connections().read(
            sql.READ_FOR_PAYMENT, context_values(customer_id, key_hashes)
        )
        return read_context(rows)

    def add_provider_event(self, event: ProviderEvent) -> ProviderEvent:
        """Implement `Store.add_provider_event`."""
        record = event_record(event)
        older = self._add(
            insert_record(event_key(event.provider, event.event_id), SORT_KEY, record)
        )
        return read_event(older) if older else event

    def change_provider_event(self, old: ProviderEvent, new: ProviderEvent) -> bool:
        """Implement `Store.change_provider_event`."""
        records = event_record(old), event_record(new)
        return self._change(event_key(new.provider, new.event_id), SORT_KEY, *records)

    def due_provider_events(self, shard: int, until: datetime, limit: int) -> list[ProviderEvent]:
        """Implement `Store.due_provider_events`."""
        found = self._read(sql.ATTENTION, attention_shard(shard), to_text(until), limit)
        return [read_event(record) for record in found]

    def get_provider_event(self, provider: str, event_id: str) -> ProviderEvent | None:
        """Implement `Store.get_provider_event`."""
        found = self._get(sql.GET_RECORD, event_key(provider, event_id), SORT_KEY)
        return read_event(found) if found else None

    def events_set_aside(self, limit: int) -> list[ProviderEvent]:
        """Implement `Store.events_set_aside`."""
        found = self._read(sql.ATTENTION, ASIDE_SHARD, sql.AFTER_EVERY_ID, limit)
        return [read_event(record) for record in found]

    def scan_provider_events(self, earliest: datetime, latest: datetime) -> Iterator[ProviderEvent]:
        """Implement `Store.scan_provider_events`."""
        span = to_text(earliest), to_text(latest)
        return self._scan(
            sql.SCAN_EVENTS,
            read_event,
            lambda each: (event_key(each.provider, each.event_id),),
            ("event#",),
            *span,
        )

    def add_state_entry(self, entry: StateEntry) -> StateEntry:
        """Implement `Store.add_state_entry`."""
        older = self._add(insert_record(f"note#{entry.name}", "note", state_record(entry)))
        return read_state(entry.name, older) if older else entry

    def get_state_entry(self, name: str) -> StateEntry | None:
        """Implement `Store.get_state_entry`."""
        found = self._get(sql.GET_RECORD, f"note#{name}", "note")
        return read_state(name, found) if found else None

    def change_state_entry(self, old: StateEntry, new: StateEntry) -> bool:
        """Implement `Store.change_state_entry`."""
        records = state_record(old), state_record(new)
        return self._change(f"note#{new.name}", "note", *records)

    def hold_lease(self, wanted: Lease, now: datetime) -> Lease:
        """Implement `Store.hold_lease`."""
        document = to_json(lease_record(wanted))
        values = (wanted.name, document, wanted.owner, to_text(now))
        key = ("lease", wanted.name)
        holder = self._add(Insert(sql.HOLD_LEASE, values, sql.GET_RECORD, key))
        return read_lease(wanted.name, holder) if holder else wanted

    def get_lease(self, name: str) -> Lease | None:
        """Implement `Store.get_lease`."""
        found = self._get(sql.GET_RECORD, "lease", name)
        return read_lease(name, found) if found else None

    def add_hold(self, hold: Hold) -> Hold:
        """Implement `Store.add_hold`."""
        insert = insert_record(HOLDS, hold.target, hold_record(hold))
        older = self._connections().writer.run(partial(_place_hold, hold, insert))
        return read_hold(older) if older else hold

    def list_holds(self) -> list[Hold]:
        """Implement `Store.list_holds`."""
        return holds_of(self._read(sql.GET_RECORDS, HOLDS, "", sql.AFTER_EVERY_ID))

    def release_hold(self, old: Hold, released: Hold) -> bool:
        """Implement `Store.release_hold`: in one transaction."""
        record = insert_record(RELEASED_HOLDS, old.hold_id, hold_record(released))
        work = partial(_release_hold, released, record, (old.target, old.hold_id))
        return self._connections().writer.run(work)

    def released_holds(self) -> list[Hold]:
        """Implement `Store.released_holds`."""
        return holds_of(self._read(sql.GET_RECORDS, RELEASED_HOLDS, "", sql.AFTER_EVERY_ID))

    def delete_expired(self, now: datetime) -> None:
        """Implement `Store.delete_expired`: EXPIRED_MAX records at a time."""
        moment = int(now.timestamp())
        if self._connections().read(sql.EXPIRED, (moment,)):
            work = partial(_delete_expired, moment)
            self._connections().writer.run(work, one_write=True)

    def add_api_key(self, key: ApiKey) -> None:
        """Implement `Store.add_api_key`."""
        older = self._add(insert_record("apikey", key.key_id, api_key_record(key)))
        if older and read_api_key(older) != key:
            raise Conflict("there is an API key of this id")

    def get_api_key(self, key_id: str) -> ApiKey | None:
        """Implement `Store.get_api_key`."""
        found = self._get(sql.GET_RECORD, "apikey", key_id)
        return read_api_key(found) if found else None

    def list_api_keys(self) -> list[ApiKey]:
        """Implement `Store.list_api_keys`."""
        found = self._read(sql.GET_RECORDS, "apikey", "", sql.AFTER_EVERY_ID)
        return sorted(map(read_api_key, found), key=lambda key: key.created_at)

    def change_api_key(self, old: ApiKey, new: ApiKey) -> bool:
        """Implement `Store.change_api_key`."""
        return self._change("apikey", new.key_id, api_key_record(old), api_key_record(new))


def _delete_expired(moment: int, connection: sqlite3.Connection) -> None:
    connection.execute(sql.DELETE_EXPIRED, (moment, EXPIRED_MAX))


def _place_hold(hold: Hold, insert: Insert, connection: sqlite3.Connection) -> Record | None:
    older = add_if_absent(insert, connection)
    if older is None:
        announce(rows_of([hold_event(hold)]), connection)
    return older


def _release_hold(
    released: Hold, record: Insert, ended: tuple[str, str], connection: sqlite3.Connection
) -> bool:
    """Keep the record of a release, and end the hold; return whether it was in force."""
    add_if_absent(record, connection)
    done: bool = connection.execute(sql.END_HOLD, ended).rowcount > 0
    if done:
        announce(rows_of([hold_event(released)]), connection)
    return done


def context_values(customer_id: str, key_hashes: Sequence[str]) -> tuple[str | None, ...]:
    """Return the parameters of READ_FOR_PAYMENT: up to two keys."""
    first, second = [*map(key_partition, key_hashes), None, None][:2]
    return customer_id, first, second


def read_context(rows: Iterable[tuple[str, str]]) -> PaymentContext:
    """Return what the rows of READ_FOR_PAYMENT hold."""
    found = {pk: from_json(document) for pk, document in rows}
    return payment_context(found.pop("", None), found)
