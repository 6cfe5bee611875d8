"""Provider events as records.

They are in the same index as batches, under shards of their own: `event3` beside `3`. So a search
for batches never finds an event, nor the other way round, even with an earlier version's code.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from paymentapp.clock import from_text, maybe_text, maybe_time, to_text
from paymentapp.models.payments import PaymentKey
from paymentapp.models.provider_events import (
    EventDecision,
    EventResolution,
    ProviderEvent,
    ProviderEventState,
)
from paymentapp.storage.codec.records import Record, reads, without_none

SORT_KEY = "event"
ASIDE_SHARD = "event-aside"


def event_key(provider: str, event_id: str) -> str:
    """Return the partition key of an event, made from its provider and the provider's event id."""
    return f"event#{provider}#{event_id}"


def attention_shard(shard: int) -> str:
    """Return the shard of the attention index that holds the events of a shard."""
    return f"event{shard}"


def event_record(event: ProviderEvent) -> Record:
    """Return an event as a record.

    It is in the `attention` index while it has an `attention_at`. One that is set aside is there
    under a shard of its own, by the time at which it was received: it waits for an operator.
    DynamoDB deletes it by its `expires_at`, in epoch seconds.
    """
    # One that version 0.2 or an earlier one has set aside expires, and stays as it is.
    aside = event.state is ProviderEventState.SET_ASIDE and event.expires_at is None
    attention_at = event.received_at if aside else event.attention_at
    decision = event.decision
    shard = attention_shard(event.attention_shard)
    return without_none(
        {
            "provider": event.provider,
            "event_id": event.event_id,
            "kind": event.kind,
            "body": event.body,
            "received_at": to_text(event.received_at),
            "revision": event.revision,
            "state": event.state.value,
            "shard": event.attention_shard,
            "attention_shard": ASIDE_SHARD if aside else shard,
            "attention_at": maybe_text(attention_at),
            "expires_at": int(event.expires_at.timestamp()) if event.expires_at else None,
            "note": event.note,
            "decision": _decision_texts(decision) if decision else None,
            "digest": event.digest,
            "trace": event.traceparent,
        }
    )


def _decision_texts(decision: EventDecision) -> list[str]:
    payment = decision.payment or ("", "")
    texts = [decision.resolution.value, decision.person, decision.note]
    return [to_text(decision.at), *texts, *payment]


@reads
def read_event(record: Record) -> ProviderEvent:
    """Return the event of a record."""
    state = ProviderEventState(record["state"])
    aside = state is ProviderEventState.SET_ASIDE
    expires_at = record.get("expires_at")
    return ProviderEvent(
        provider=record["provider"],
        event_id=record["event_id"],
        kind=record["kind"],
        body=record["body"],
        received_at=from_text(record["received_at"]),
        revision=record["revision"],
        state=state,
        attention_at=None if aside else maybe_time(record.get("attention_at")),
        attention_shard=record["shard"],
        note=record.get("note"),
        expires_at=datetime.fromtimestamp(int(expires_at), UTC) if expires_at else None,
        decision=_read_decision(record.get("decision")),
        digest=record.get("digest"),
        traceparent=record.get("trace"),
    )


def _read_decision(texts: Sequence[str] | None) -> EventDecision | None:
    if texts is None:
        return None
    at, resolution, person, note, customer_id, payment_id = texts
    payment = PaymentKey(customer_id, payment_id) if customer_id else None
    return EventDecision(from_text(at), EventResolution(resolution), person, note, payment)
