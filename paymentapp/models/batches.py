"""Batches: the payments that go to a provider in one call, under one idempotency key."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, TypedDict, Unpack

from paymentapp.models.caller_texts import Metadata
from paymentapp.models.money import Money
from paymentapp.models.payments import PaymentKey
from paymentapp.models.revisions import new_revision


class Member(NamedTuple):
    """A payment in a batch: all that the provider receives of it, frozen with the batch."""

    customer_id: str
    payment_id: str
    money: Money
    email: str
    destination: str | None = None  # None: the e-mail
    description: str | None = None  # the caller's texts that the provider sends on
    metadata: Metadata = ()

    def __repr__(self) -> str:
        return f"Member({self.customer_id} {self.payment_id} {self.money})"

    @property
    def key(self) -> PaymentKey:
        """Return the key of the payment."""
        return PaymentKey(self.customer_id, self.payment_id)

    @property
    def payee(self) -> str:
        """Return the payee, as the provider identifies them."""
        return self.destination or self.email

    @property
    def item_id(self) -> str:
        """Return the payment's id at its provider."""
        return self.key.item_id


class BatchState(StrEnum):
    """The state of a batch; `docs/decisions/0003-batches.md` has the transitions."""

    PREPARED = "prepared"  # members are being stamped; nothing may be sent
    FROZEN = "frozen"  # may have been sent; only ever sent again unchanged
    ACCEPTED = "accepted"  # the provider has it; its items are followed
    REFUSED = "refused"  # the provider did nothing; its members are being released
    ABORTED = (
        "aborted"  # never frozen, withdrawn, or not sent as an operator said; members released
    )
    CLOSED = "closed"  # nothing left to do
    PARKED = "parked"  # its outcome stayed unknown: an operator decides


class Resolution(StrEnum):
    """What an operator may decide about a parked batch."""

    ACCEPTED = "accepted"  # the provider has it
    NOT_SENT = "not-sent"  # the provider did nothing with it, and never will


class Decision(NamedTuple):
    """An operator's resolution of a parked batch, with its grounds; stored with the batch."""

    at: datetime
    resolution: Resolution
    person: str  # the operator's name
    note: str  # the reason, in the operator's words
    evidence: str  # what the provider answered then


class BatchChanges(TypedDict, total=False):
    """What may change in a batch's record."""

    state: BatchState
    attention_at: datetime | None
    excluded: tuple[int, ...]
    frozen_at: datetime | None
    accepted_at: datetime | None
    parked_at: datetime | None
    reference: str | None
    attempts: int
    last_error: str | None
    member_errors: Mapping[int, str]
    decision: Decision | None


@dataclass(frozen=True, slots=True)
class Batch:
    """The payments of one call to a provider, under one idempotency key: the batch's own id."""

    batch_id: str
    provider: str
    currency: str
    state: BatchState
    size: int  # candidates; the members are those that `excluded` leaves
    created_at: datetime
    revision: str
    attention_at: datetime | None = None  # when its next step is due
    attention_shard: int = 0
    excluded: tuple[int, ...] = ()  # positions of candidates that another batch took
    frozen_at: datetime | None = None
    accepted_at: datetime | None = None
    parked_at: datetime | None = None
    reference: str | None = None  # the provider's id of the batch
    attempts: int = 0
    last_error: str | None = None
    # Members that a refusal names: the reason by the member's position.
    member_errors: Mapping[int, str] = field(default_factory=dict)
    decision: Decision | None = None  # an operator's, where the batch was parked

    def changed(self, **changes: Unpack[BatchChanges]) -> Batch:
        """Return the next version of the record."""
        return replace(self, revision=new_revision(), **changes)


def new_batch_id(now: datetime) -> str:
    """Return a batch id that no other batch will ever have; ids sort by time."""
    return f"{now:%Y%m%dT%H%M%S%f}-{secrets.token_hex(8)}"
