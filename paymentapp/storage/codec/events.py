"""Provider events as records.

They are in the same index as batches, under shards of their own: `event3` beside `3`. So a search
for batches never finds an event, nor the other way round, even with an earlier version's code.
"""

from __future__ import annotations

from paymentapp.clock import from_text, to_text
from paymentapp.models.provider_events import KEPT, ProviderEvent, ProviderEventState
from paymentapp.storage.codec.records import Record, maybe_time, reads

SORT_KEY = "event"


def event_key(event: ProviderEvent) -> str:
    """Return the partition key of an event, made from its provider and the provider's event id."""
    return f"event#{event.provider}#{event.event_id}"


def attention_shard(shard: int) -> str:
    """Return the shard of the attention index that holds the events of a shard."""
    return f"event{shard}"


def event_record(event: ProviderEvent) -> Record:
    """Return an event as a record.

    It is in the `attention` index while it has an `attention_at`; DynamoDB deletes it at its
    `expires_at`, in epoch seconds.
    """
    record: Record = {
        "provider": event.provider,
        "event_id": event.event_id,
        "kind": event.kind,
        "body": event.body,
        "received_at": to_text(event.received_at),
        "revision": event.revision,
        "state": event.state.value,
        "shard": event.attention_shard,
        "attention_shard": attention_shard(event.attention_shard),
        "expires_at": int((event.received_at + KEPT).timestamp()),
    }
    if event.attention_at is not None:
        record["attention_at"] = to_text(event.attention_at)
    if event.note is not None:
        record["note"] = event.note
    return record


@reads
def read_event(record: Record) -> ProviderEvent:
    """Return the event of a record."""
    return ProviderEvent(
        provider=record["provider"],
        event_id=record["event_id"],
        kind=record["kind"],
        body=record["body"],
        received_at=from_text(record["received_at"]),
        revision=record["revision"],
        state=ProviderEventState(record["state"]),
        attention_at=maybe_time(record.get("attention_at")),
        attention_shard=record["shard"],
        note=record.get("note"),
    )
