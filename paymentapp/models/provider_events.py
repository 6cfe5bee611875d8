"""A provider's event, kept as it came until it is applied, and for a while after that."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypedDict, Unpack

from paymentapp.models.revisions import new_revision

KEPT = timedelta(days=45)  # far longer than any provider sends the same event again


class ProviderEventState(StrEnum):
    """Where an event stands."""

    WAITING = "waiting"  # to be applied
    APPLIED = "applied"
    IGNORED = "ignored"  # genuine, and tells nothing of payments
    SET_ASIDE = "set-aside"  # contradicts what is on record: it changed nothing, a person looks


class ProviderEventChanges(TypedDict, total=False):
    """What may change in an event's record."""

    state: ProviderEventState
    attention_at: datetime | None
    note: str | None


@dataclass(frozen=True, slots=True)
class ProviderEvent:
    """What a provider told by webhook. The body stays out of `repr`: it holds an address."""

    provider: str
    event_id: str  # the provider's
    kind: str  # in the provider's words
    body: str = field(repr=False)
    received_at: datetime
    revision: str
    state: ProviderEventState = ProviderEventState.WAITING
    attention_at: datetime | None = None  # when somebody has to apply it
    attention_shard: int = 0
    note: str | None = None  # why it waits, or why it was set aside

    @classmethod
    def received(
        cls,
        provider: str,
        event_id: str,
        kind: str,
        body: bytes,
        *,
        now: datetime,
        due_at: datetime,
        shards: int,
    ) -> ProviderEvent:
        """Make the record of an event that came just now, to be applied from `due_at` on.

        Its shard of the attention index, one of `shards`, follows from its id. Raises ValueError
        where the body is not UTF-8.
        """
        return cls(
            provider=provider,
            event_id=event_id,
            kind=kind,
            body=body.decode(),
            received_at=now,
            revision=new_revision(),
            attention_at=due_at,
            attention_shard=zlib.crc32(f"{provider}/{event_id}".encode()) % shards,
        )

    def changed(self, **changes: Unpack[ProviderEventChanges]) -> ProviderEvent:
        """Return the next version of the record."""
        return replace(self, revision=new_revision(), **changes)
