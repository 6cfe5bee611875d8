"""Provider events: stored as received until they are applied, and for a while after that."""

from __future__ import annotations

import hashlib
import re
import zlib
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, TypedDict, Unpack

from paymentapp.models.payments import PaymentKey
from paymentapp.models.revisions import new_revision

KEPT = timedelta(days=45)  # far longer than any provider repeats an event


class ProviderEventState(StrEnum):
    """The state of an event."""

    WAITING = "waiting"  # to be applied
    APPLIED = "applied"
    IGNORED = "ignored"  # genuine, and not about payments
    SET_ASIDE = "set-aside"  # contradicts our records: not applied, an operator decides


class EventResolution(StrEnum):
    """What an operator may record about an event, or a file, that could not be applied."""

    RETURNED = "returned"  # it says that a payment's money came back
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    IGNORED = "ignored"  # it is about no payment of ours


class EventDecision(NamedTuple):
    """What an operator has recorded about an event; stored with the event."""

    at: datetime
    resolution: EventResolution
    person: str
    note: str  # why, in the operator's words
    payment: PaymentKey | None = None  # that was moved


class ProviderEventChanges(TypedDict, total=False):
    """What may change in an event's record."""

    state: ProviderEventState
    attention_at: datetime | None
    note: str | None
    expires_at: datetime | None
    decision: EventDecision | None
    body: str
    digest: str | None


@dataclass(frozen=True, slots=True)
class ProviderEvent:
    """An event received from a provider. The body stays out of `repr`: it has an address in it.

    It is kept until the event is applied or ignored.
    """

    provider: str
    event_id: str  # the provider's
    kind: str  # in the provider's words
    body: str = field(repr=False)
    received_at: datetime
    revision: str
    state: ProviderEventState = ProviderEventState.WAITING
    attention_at: datetime | None = None  # when it has to be applied
    attention_shard: int = 0
    note: str | None = None  # why it waits, or was set aside; what is odd about it, if it counts
    expires_at: datetime | None = None  # None: it is kept
    decision: EventDecision | None = None
    digest: str | None = None  # SHA-256 of the body, in its place once it is not needed any more
    traceparent: str | None = None  # of the request that brought it, where traces were on

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
        traceparent: str | None = None,
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
            traceparent=traceparent,
        )

    def done(
        self, state: ProviderEventState, note: str | None, attention_at: datetime | None
    ) -> ProviderEvent:
        """Return the next version, in another state.

        What has been applied or ignored expires; what has not been is kept for as long as it takes.
        """
        final = state in (ProviderEventState.APPLIED, ProviderEventState.IGNORED)
        expires_at = self.received_at + KEPT if final and self.decision is None else None
        event = self.without_body() if final else self
        return event.changed(
            state=state, note=note, attention_at=attention_at, expires_at=expires_at
        )

    def decided(self, state: ProviderEventState, decision: EventDecision) -> ProviderEvent:
        """Return the next version, as an operator has decided."""
        event = self.without_body()
        return event.changed(state=state, decision=decision, attention_at=None, expires_at=None)

    def without_body(self) -> ProviderEvent:
        """Return the next version, with a digest of the body instead of it."""
        if not self.body:
            return self
        digest = hashlib.sha256(self.body.encode()).hexdigest()
        return self.changed(body="", digest=digest)

    def concerns(self, customer_id: str) -> bool:
        """Return whether the body holds the item id of a payment of a customer.

        Also where it cannot be parsed, or its provider is not configured any more.
        """
        item_id = rf"(?<![0-9a-z])[0-9a-z]{{1,11}}\.{re.escape(customer_id)}(?![A-Za-z0-9._-])"
        return re.search(item_id, self.body) is not None

    def changed(self, **changes: Unpack[ProviderEventChanges]) -> ProviderEvent:
        """Return the next version of the record."""
        return replace(self, revision=new_revision(), **changes)
