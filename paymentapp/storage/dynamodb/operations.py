"""The other records in the Operations table of the DynamoDB store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from paymentapp.clock import to_text
from paymentapp.errors import Conflict
from paymentapp.models.api_keys import ApiKey
from paymentapp.models.events import hold_event
from paymentapp.models.holds import Hold
from paymentapp.models.provider_events import ProviderEvent, ProviderEventState
from paymentapp.models.provider_state import StateEntry
from paymentapp.storage.accepting import Attempt, Decide, PaymentContext
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
from paymentapp.storage.dynamodb import conditional_writes as conditional
from paymentapp.storage.dynamodb.attribute_values import to_item, to_record, to_value
from paymentapp.storage.dynamodb.client import ConditionFailed, call
from paymentapp.storage.dynamodb.events import DynamoDBEvents
from paymentapp.storage.dynamodb.listing import AFTER_EVERY_ID
from paymentapp.storage.dynamodb.scans import scan


class DynamoDBOperations(DynamoDBEvents):
    """Idempotency records, provider events and state, leases, holds and API keys."""

    def accept_at_once(
        self,
        customer_id: str,
        key_hashes: Sequence[str],
        decide: Decide,  # noqa: ARG002  # a transaction would cost twice the units
    ) -> Attempt:
        """Implement `Store.accept_at_once`: it only reads."""
        return Attempt(self.read_for_payment(customer_id, key_hashes))

    def read_for_payment(self, customer_id: str, key_hashes: Sequence[str]) -> PaymentContext:
        """Implement `Store.read_for_payment`."""
        customer_key = {"customer_id": customer_id}
        if not key_hashes:
            return payment_context(self._get(self._customers, customer_key), {})
        wanted = [{"pk": key_partition(each), "sk": "claim"} for each in key_hashes]
        keys = {
            self._customers: [to_item(customer_key)],
            self._operations: [to_item(key) for key in wanted],
        }
        records = [to_record(item) for item in conditional.read_all(self._client(), keys)]
        claims = {record["pk"]: record for record in records if "pk" in record}
        return payment_context(next((r for r in records if "pk" not in r), None), claims)

    def add_provider_event(self, event: ProviderEvent) -> ProviderEvent:
        """Implement `Store.add_provider_event`."""
        record = event_record(event)
        older = self._add_operation(event_key(event.provider, event.event_id), SORT_KEY, record)
        return read_event(older) if older else event

    def change_provider_event(self, old: ProviderEvent, new: ProviderEvent) -> bool:
        """Implement `Store.change_provider_event`."""
        records = event_record(old), event_record(new)
        return self._change_operation(event_key(new.provider, new.event_id), SORT_KEY, *records)

    def due_provider_events(self, shard: int, until: datetime, limit: int) -> list[ProviderEvent]:
        """Query the index, then read the events that it names, 100 a request."""
        found = self._attention(attention_shard(shard), to_text(until), limit)
        events = map(read_event, found)
        due = [event for event in events if event.attention_at and event.attention_at <= until]
        return sorted(due, key=lambda event: event.attention_at or until)

    def get_provider_event(self, provider: str, event_id: str) -> ProviderEvent | None:
        """Implement `Store.get_provider_event`."""
        found = self._get(self._operations, {"pk": event_key(provider, event_id), "sk": SORT_KEY})
        return read_event(found) if found else None

    def events_set_aside(self, limit: int) -> list[ProviderEvent]:
        """Implement `Store.events_set_aside`: read the index, then the events that it names."""
        events = map(read_event, self._attention(ASIDE_SHARD, AFTER_EVERY_ID, limit))
        aside = [event for event in events if event.state is ProviderEventState.SET_ASIDE]
        return sorted(aside, key=lambda event: event.received_at)

    def scan_provider_events(self, earliest: datetime, latest: datetime) -> Iterator[ProviderEvent]:
        """Implement `Store.scan_provider_events`: one request for each megabyte of the table."""
        client, table = self._client(), self._operations
        return map(read_event, scan(client, table, "received_at", earliest, latest, sk=SORT_KEY))

    def add_state_entry(self, entry: StateEntry) -> StateEntry:
        """Implement `Store.add_state_entry`."""
        older = self._add_operation(f"note#{entry.name}", "note", state_record(entry))
        return read_state(entry.name, older) if older else entry

    def get_state_entry(self, name: str) -> StateEntry | None:
        """Implement `Store.get_state_entry`."""
        found = self._get(self._operations, {"pk": f"note#{name}", "sk": "note"})
        return read_state(name, found) if found else None

    def change_state_entry(self, old: StateEntry, new: StateEntry) -> bool:
        """Implement `Store.change_state_entry`."""
        records = state_record(old), state_record(new)
        return self._change_operation(f"note#{new.name}", "note", *records)

    def hold_lease(self, wanted: Lease, now: datetime) -> Lease:
        """Implement `Store.hold_lease`."""
        key = {"pk": "lease", "sk": wanted.name}
        try:
            call(
                self._client().put_item,
                TableName=self._operations,
                Item=to_item(key | lease_record(wanted)),
                ConditionExpression="attribute_not_exists(pk) OR #owner = :me OR #until <= :now",
                ExpressionAttributeNames={"#owner": "owner", "#until": "until"},
                ExpressionAttributeValues={
                    ":me": to_value(wanted.owner),
                    ":now": to_value(to_text(now)),
                },
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ConditionFailed as failed:
            return read_lease(wanted.name, self._stored(failed, self._operations, key))
        return wanted

    def get_lease(self, name: str) -> Lease | None:
        """Implement `Store.get_lease`."""
        found = self._get(self._operations, {"pk": "lease", "sk": name})
        return read_lease(name, found) if found else None

    def add_hold(self, hold: Hold) -> Hold:
        """Implement `Store.add_hold`."""
        self._announce([hold_event(hold)])
        older = self._add_operation(HOLDS, hold.target, hold_record(hold))
        return read_hold(older) if older else hold

    def list_holds(self) -> list[Hold]:
        """Implement `Store.list_holds`."""
        return holds_of(self._group(HOLDS, ""))

    def release_hold(self, old: Hold, released: Hold) -> bool:
        """Implement `Store.release_hold`: two requests, the record of the release first.

        A delete that the client library repeats finds nothing; the record then is this call's own.
        """
        self._announce([hold_event(released)])
        first = self._add_operation(RELEASED_HOLDS, old.hold_id, hold_record(released))
        if first is not None and read_hold(first) != released:
            self._announce([hold_event(read_hold(first))])  # whose delete may not have been made
        try:
            call(
                self._client().delete_item,
                TableName=self._operations,
                Key=to_item({"pk": HOLDS, "sk": old.target}),
                ConditionExpression="hold_id = :id",
                ExpressionAttributeValues={":id": to_value(old.hold_id)},
            )
        except ConditionFailed:
            return first is None or read_hold(first) == released
        return True

    def released_holds(self) -> list[Hold]:
        """Implement `Store.released_holds`."""
        return holds_of(self._group(RELEASED_HOLDS, ""))

    def delete_expired(self, now: datetime) -> None:
        """Implement `Store.delete_expired`: DynamoDB does it itself, by `expires_at`."""

    def add_api_key(self, key: ApiKey) -> None:
        """Implement `Store.add_api_key`."""
        older = self._add_operation("apikey", key.key_id, api_key_record(key))
        if older and read_api_key(older) != key:
            raise Conflict("there is an API key of this id")

    def get_api_key(self, key_id: str) -> ApiKey | None:
        """Implement `Store.get_api_key`."""
        found = self._get(self._operations, {"pk": "apikey", "sk": key_id})
        return read_api_key(found) if found else None

    def list_api_keys(self) -> list[ApiKey]:
        """Implement `Store.list_api_keys`."""
        keys = map(read_api_key, self._group("apikey", ""))
        return sorted(keys, key=lambda key: key.created_at)

    def change_api_key(self, old: ApiKey, new: ApiKey) -> bool:
        """Implement `Store.change_api_key`."""
        records = api_key_record(old), api_key_record(new)
        return self._change_operation("apikey", new.key_id, *records)
