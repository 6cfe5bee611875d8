"""The other records in the PostgreSQL store: provider events and state, leases, holds, API keys."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from paymentapp.clock import to_text
from paymentapp.errors import Conflict
from paymentapp.models.api_keys import ApiKey
from paymentapp.models.events import hold_event
from paymentapp.models.holds import Hold
from paymentapp.models.provider_events import ProviderEvent
from paymentapp.models.provider_state import StateEntry
from paymentapp.storage.base import Lease
from paymentapp.storage.codec.operations import (
    HOLDS,
    RELEASED_HOLDS,
    api_key_record,
    hold_record,
    holds_of,
    lease_record,
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
from paymentapp.storage.postgresql import sql
from paymentapp.storage.postgresql.documents import to_column
from paymentapp.storage.postgresql.records import PostgreSQLRecords, events_json, record_values
from paymentapp.storage.postgresql.rows import operation_document, operation_of

_STATE = "note"
_LEASES = "lease"
_KEYS = "apikey"


class PostgreSQLOperations(PostgreSQLRecords):
    """Provider events and state, leases, holds and API keys."""

    def add_provider_event(self, event: ProviderEvent) -> ProviderEvent:
        """Implement `Store.add_provider_event`."""
        key = event_key(event.provider, event.event_id)
        older = self._add(key, SORT_KEY, event_record(event))
        return read_event(older) if older else event

    def change_provider_event(self, old: ProviderEvent, new: ProviderEvent) -> bool:
        """Implement `Store.change_provider_event`."""
        records = event_record(old), event_record(new)
        return self._change(event_key(new.provider, new.event_id), SORT_KEY, *records)

    def due_provider_events(self, shard: int, until: datetime, limit: int) -> list[ProviderEvent]:
        """Implement `Store.due_provider_events`."""
        return [read_event(each) for each in self._attention(attention_shard(shard), until, limit)]

    def get_provider_event(self, provider: str, event_id: str) -> ProviderEvent | None:
        """Implement `Store.get_provider_event`."""
        found = self._get(event_key(provider, event_id), SORT_KEY)
        return read_event(found) if found else None

    def events_set_aside(self, limit: int) -> list[ProviderEvent]:
        """Implement `Store.events_set_aside`."""
        return [read_event(record) for record in self._attention(ASIDE_SHARD, None, limit)]

    def scan_provider_events(self, earliest: datetime, latest: datetime) -> Iterator[ProviderEvent]:
        """Implement `Store.scan_provider_events`."""
        bounds = "event$", SORT_KEY, "received_at", to_text(earliest), to_text(latest)
        return self._scan(
            sql.SCAN_RECORDS,
            lambda row: read_event(operation_of(row)),
            lambda each: (str(to_column(event_key(each.provider, each.event_id))),),
            ("event#",),
            *bounds,
        )

    def add_state_entry(self, entry: StateEntry) -> StateEntry:
        """Implement `Store.add_state_entry`."""
        older = self._add(f"note#{entry.name}", _STATE, state_record(entry))
        return read_state(entry.name, older) if older else entry

    def get_state_entry(self, name: str) -> StateEntry | None:
        """Implement `Store.get_state_entry`."""
        found = self._get(f"note#{name}", _STATE)
        return read_state(name, found) if found else None

    def change_state_entry(self, old: StateEntry, new: StateEntry) -> bool:
        """Implement `Store.change_state_entry`."""
        return self._change(f"note#{new.name}", _STATE, state_record(old), state_record(new))

    def hold_lease(self, wanted: Lease, now: datetime) -> Lease:
        """Implement `Store.hold_lease`."""
        values = {
            "name": to_column(wanted.name),
            "document": operation_document(lease_record(wanted)),
            "owner": to_column(wanted.owner),
            "now": to_text(now),
        }
        if self._execute(sql.HOLD_LEASE, values):
            return wanted
        return self.get_lease(wanted.name) or self.hold_lease(wanted, now)

    def get_lease(self, name: str) -> Lease | None:
        """Implement `Store.get_lease`."""
        found = self._get(_LEASES, name)
        return read_lease(name, found) if found else None

    def add_hold(self, hold: Hold) -> Hold:
        """Implement `Store.add_hold`."""
        older = self._add(HOLDS, hold.target, hold_record(hold), [hold_event(hold)])
        return read_hold(older) if older else hold

    def list_holds(self) -> list[Hold]:
        """Implement `Store.list_holds`."""
        return holds_of(self._group(HOLDS))

    def release_hold(self, old: Hold, released: Hold) -> bool:
        """Implement `Store.release_hold`: by one statement.

        Where its answer was lost, the record of the release is this call's own.
        """
        values = record_values(RELEASED_HOLDS, old.hold_id, hold_record(released))
        values |= {
            "hold_id": to_column(old.hold_id),
            "target": to_column(old.target),
            "events": events_json([hold_event(released)]),
        }
        if self._execute(sql.RELEASE_HOLD, values):
            return True
        found = self._get(RELEASED_HOLDS, old.hold_id)
        return found is not None and read_hold(found) == released

    def released_holds(self) -> list[Hold]:
        """Implement `Store.released_holds`."""
        return holds_of(self._group(RELEASED_HOLDS))

    def add_api_key(self, key: ApiKey) -> None:
        """Implement `Store.add_api_key`."""
        older = self._add(_KEYS, key.key_id, api_key_record(key))
        if older and read_api_key(older) != key:
            raise Conflict("there is an API key of this id")

    def get_api_key(self, key_id: str) -> ApiKey | None:
        """Implement `Store.get_api_key`."""
        found = self._get(_KEYS, key_id)
        return read_api_key(found) if found else None

    def list_api_keys(self) -> list[ApiKey]:
        """Implement `Store.list_api_keys`."""
        return sorted(map(read_api_key, self._group(_KEYS)), key=lambda key: key.created_at)

    def change_api_key(self, old: ApiKey, new: ApiKey) -> bool:
        """Implement `Store.change_api_key`."""
        return self._change(_KEYS, new.key_id, api_key_record(old), api_key_record(new))
