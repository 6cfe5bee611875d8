"""The other records in the Operations table of the SQLite store."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from paymentapp.clock import to_text
from paymentapp.errors import Conflict
from paymentapp.models.api_keys import ApiKey
from paymentapp.models.idempotency import KeyClaim
from paymentapp.models.provider_events import Event
from paymentapp.models.provider_state import Note
from paymentapp.storage.base import Lease
from paymentapp.storage.codec.events import (
    SORT_KEY,
    attention_shard,
    event_key,
    event_record,
    read_event,
)
from paymentapp.storage.codec.operations import (
    api_key_record,
    claim_record,
    lease_record,
    note_record,
    read_api_key,
    read_claim,
    read_lease,
    read_note,
)
from paymentapp.storage.sqlite import sql
from paymentapp.storage.sqlite.json_documents import to_json
from paymentapp.storage.sqlite.records import SQLiteRecords
from paymentapp.storage.sqlite.statements import Insert, insert_record


class SQLiteOperations(SQLiteRecords):
    """Idempotency records, provider events and state, leases and API keys."""

    def claim_key(self, claim: KeyClaim) -> KeyClaim:
        insert = insert_record(f"key#{claim.key_hash}", "claim", claim_record(claim))
        older = self._add(insert)
        return read_claim(claim.key_hash, older) if older else claim

    def change_claim(self, old: KeyClaim, new: KeyClaim) -> bool:
        records = claim_record(old), claim_record(new)
        return self._change(f"key#{new.key_hash}", "claim", *records)

    def add_event(self, event: Event) -> Event:
        record = event_record(event)
        older = self._add(insert_record(event_key(event), SORT_KEY, record))
        return read_event(older) if older else event

    def change_event(self, old: Event, new: Event) -> bool:
        records = event_record(old), event_record(new)
        return self._change(event_key(new), SORT_KEY, *records)

    def due_events(self, shard: int, until: datetime, limit: int) -> list[Event]:
        where = attention_shard(shard)
        found = self._read(sql.ATTENTION, where, to_text(until), limit)
        return [read_event(record) for record in found]

    def add_note(self, note: Note) -> Note:
        older = self._add(insert_record(f"note#{note.name}", "note", note_record(note)))
        return read_note(note.name, older) if older else note

    def get_note(self, name: str) -> Note | None:
        found = self._get(sql.GET_RECORD, f"note#{name}", "note")
        return read_note(name, found) if found else None

    def change_note(self, old: Note, new: Note) -> bool:
        records = note_record(old), note_record(new)
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
