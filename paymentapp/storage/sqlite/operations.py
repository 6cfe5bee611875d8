"""The other records in the Operations table of the SQLite store."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import datetime

from paymentapp.clock import to_text
from paymentapp.errors import Conflict
from paymentapp.models.api_keys import ApiKey
from paymentapp.models.idempotency import IdempotencyRecord
from paymentapp.models.provider_events import ProviderEvent
from paymentapp.models.provider_state import StateEntry
from paymentapp.storage.base import Lease
from paymentapp.storage.codec.events import (
    ASIDE_SHARD,
    SORT_KEY,
    attention_shard,
    event_key,
    event_record,
    read_event,
)
from paymentapp.storage.codec.operations import (
    api_key_record,
    idempotency_record,
    lease_record,
    read_api_key,
    read_idempotency_record,
    read_lease,
    read_state,
    state_record,
)
from paymentapp.storage.sqlite import sql
from paymentapp.storage.sqlite.json_documents import to_json
from paymentapp.storage.sqlite.records import SQLiteRecords
from paymentapp.storage.sqlite.statements import Insert, insert_record


class SQLiteOperations(SQLiteRecords):
    """Idempotency records, provider events and state, leases and API keys."""

    def add_idempotency_record(self, claim: IdempotencyRecord) -> IdempotencyRecord:
        insert = insert_record(f"key#{claim.key_hash}", "claim", idempotency_record(claim))
        older = self._add(insert)
        return read_idempotency_record(claim.key_hash, older) if older else claim

    def change_idempotency_record(self, old: IdempotencyRecord, new: IdempotencyRecord) -> bool:
        records = idempotency_record(old), idempotency_record(new)
        return self._change(f"key#{new.key_hash}", "claim", *records)

    def add_provider_event(self, event: ProviderEvent) -> ProviderEvent:
        record = event_record(event)
        older = self._add(
            insert_record(event_key(event.provider, event.event_id), SORT_KEY, record)
        )
        return read_event(older) if older else event

    def change_provider_event(self, old: ProviderEvent, new: ProviderEvent) -> bool:
        records = event_record(old), event_record(new)
        return self._change(event_key(new.provider, new.event_id), SORT_KEY, *records)

    def due_provider_events(self, shard: int, until: datetime, limit: int) -> list[ProviderEvent]:
        where = attention_shard(shard)
        found = self._read(sql.ATTENTION, where, to_text(until), limit)
        return [read_event(record) for record in found]

    def get_provider_event(self, provider: str, event_id: str) -> ProviderEvent | None:
        found = self._get(sql.GET_RECORD, event_key(provider, event_id), SORT_KEY)
        return read_event(found) if found else None

    def events_set_aside(self, limit: int) -> list[ProviderEvent]:
        found = self._read(sql.ATTENTION, ASIDE_SHARD, sql.AFTER_EVERY_ID, limit)
        return [read_event(record) for record in found]

    def scan_provider_events(self, earliest: datetime, latest: datetime) -> Iterator[ProviderEvent]:
        span = to_text(earliest), to_text(latest)
        return self._scan(
            sql.SCAN_EVENTS,
            read_event,
            lambda each: (event_key(each.provider, each.event_id),),
            ("event#",),
            *span,
        )

    def add_state_entry(self, note: StateEntry) -> StateEntry:
        older = self._add(insert_record(f"note#{note.name}", "note", state_record(note)))
        return read_state(note.name, older) if older else note

    def get_state_entry(self, name: str) -> StateEntry | None:
        found = self._get(sql.GET_RECORD, f"note#{name}", "note")
        return read_state(name, found) if found else None

    def change_state_entry(self, old: StateEntry, new: StateEntry) -> bool:
        records = state_record(old), state_record(new)
        return self._change(f"note#{new.name}", "note", *records)

    def hold_lease(self, wanted: Lease, now: datetime) -> Lease:
        document = to_json(lease_record(wanted))
        values = (wanted.name, document, wanted.owner, to_text(now))
        key = ("lease", wanted.name)
        holder = self._add(Insert(sql.HOLD_LEASE, values, sql.GET_RECORD, key))
        return read_lease(wanted.name, holder) if holder else wanted

    def get_lease(self, name: str) -> Lease | None:
        found = self._get(sql.GET_RECORD, "lease", name)
        return read_lease(name, found) if found else None

    def add_api_key(self, key: ApiKey) -> None:
        older = self._add(insert_record("apikey", key.key_id, api_key_record(key)))
        if older and read_api_key(older) != key:
            raise Conflict("there is an API key of this id")

    def get_api_key(self, key_id: str) -> ApiKey | None:
        found = self._get(sql.GET_RECORD, "apikey", key_id)
        return read_api_key(found) if found else None

    def list_api_keys(self) -> list[ApiKey]:
        found = self._read(sql.GET_RECORDS, "apikey", "", sql.AFTER_EVERY_ID)
        return sorted(map(read_api_key, found), key=lambda key: key.created_at)

    def revoke_api_key(self, key_id: str, at: datetime) -> bool:
        def work(connection: sqlite3.Connection) -> bool:
            return connection.execute(sql.REVOKE_API_KEY, (to_text(at), key_id)).rowcount == 1

        return self._here().writer.run(work)
