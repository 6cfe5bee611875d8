"""Provider events: stored as received until they are applied, and for a while after that."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypedDict, Unpack

from paymentapp.models.revisions import new_revision

KEPT = timedelta(days=45)  # far longer than any provider repeats an event


class ProviderEventState(StrEnum):
    """The state of an event."""

    WAITING = "waiting"  # to be applied
    APPLIED = "applied"
    IGNORED = "ignored"  # genuine, and not about payments
    SET_ASIDE = "set-aside"  # contradicts our records: not applied, an operator has to look


class ProviderEventChanges(TypedDict, total=False):
    """What may change in an event's record."""

    state: ProviderEventState
    attention_at: datetime | None
    note: str | None


@dataclass(frozen=True, slots=True)
class ProviderEvent:
    """An event received from a provider. The body stays out of `repr`: it has an address in it."""

    provider: str
    event_id: str  # the provider's
    kind: str  # in the provider's words
    body: str = field(repr=False)
    received_at: datetime
    revision: str
    state: ProviderEventState = ProviderEventState.WAITING
    attention_at: datetime | None = None  # when it has to be applied
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
        """Make the record of an event received at `now`, to be applied from `due_at` on.

        Its shard of the attention index, one of `shards`, is computed from its id. Raises
        ValueError where the body is not UTF-8.
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
