"""Webhook events as records; `codec` says what a record is.

They wait in the same index as batches, under shards of their own: `event3` beside `3`. So neither
a search for batches nor one for events ever meets the other, also in an earlier version's search.
"""

from __future__ import annotations

from paymentapp.clock import from_text, to_text
from paymentapp.models.provider_events import KEPT, ProviderEvent, ProviderEventState
from paymentapp.storage.codec.records import Record, maybe_time, reads

SORT_KEY = "event"


def event_key(event: ProviderEvent) -> str:
    """The partition key of an event: one for each id that its provider gives out."""
    return f"event#{event.provider}#{event.event_id}"


def attention_shard(shard: int) -> str:
    """The shard of the attention index in which the events of a shard wait."""
    return f"event{shard}"


def event_record(event: ProviderEvent) -> Record:
    """An event is in the `attention` index while it has an `attention_at`; DynamoDB deletes it by
    its `expires_at`, in epoch seconds."""
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
