"""Batches: what goes to a provider in one call, under one idempotency key."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, TypedDict, Unpack

from paymentapp.models.money import Money
from paymentapp.models.payments import PaymentKey
from paymentapp.models.revisions import new_revision


class Member(NamedTuple):
    """A payment as a batch carries it: all that the provider is told, frozen with the batch."""

    customer_id: str
    payment_id: str
    money: Money
    email: str
    destination: str | None = None  # None: the e-mail

    def __repr__(self) -> str:
        return f"Member({self.customer_id} {self.payment_id} {self.money})"

    @property
    def key(self) -> PaymentKey:
        return PaymentKey(self.customer_id, self.payment_id)

    @property
    def payee(self) -> str:
        """Who is paid, as the provider knows them."""
        return self.destination or self.email

    @property
    def item_id(self) -> str:
        return self.key.item_id


class BatchState(StrEnum):
    """Where a batch stands; `docs/decisions/0003-batches.md` draws the walk."""

    PREPARED = "prepared"  # members are being stamped; nothing may be sent
    FROZEN = "frozen"  # may have been sent; only ever sent again as it is
    ACCEPTED = "accepted"  # the provider has it; its items are followed
    REFUSED = "refused"  # the provider did nothing; its members are being let go
    ABORTED = (
        "aborted"  # never frozen, withdrawn, or not sent by a person's word; members are freed
    )
    CLOSED = "closed"  # nothing left to do
    PARKED = "parked"  # unknown for too long: a person decides


class Resolution(StrEnum):
    """What a person may decide about a parked batch."""

    ACCEPTED = "accepted"  # the provider has it
    NOT_SENT = "not-sent"  # the provider did nothing with it, and never will


class Decision(NamedTuple):
    """Who decided what about a parked batch, and on what grounds; it is kept with the batch."""

    at: datetime
    verdict: Resolution
    person: str
    note: str  # why, in the person's words
    evidence: str  # what the provider said when it was asked


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
    """What goes to a provider in one call, under one idempotency key: its own id."""

    batch_id: str
    provider: str
    currency: str
    state: BatchState
    size: int  # candidates; the members are those that `excluded` leaves
    created_at: datetime
    revision: str
    attention_at: datetime | None = None  # when somebody has to look at it again
    attention_shard: int = 0
    excluded: tuple[int, ...] = ()  # positions of candidates that another batch took
    frozen_at: datetime | None = None
    accepted_at: datetime | None = None
    parked_at: datetime | None = None
    reference: str | None = None  # the provider's id of the batch
    attempts: int = 0
    last_error: str | None = None
    member_errors: Mapping[int, str] = field(
        default_factory=dict
    )  # refused members: position, reason
    decision: Decision | None = None  # of a person, where the batch was parked

    def changed(self, **changes: Unpack[BatchChanges]) -> Batch:
        """Return the next version of the record."""
        return replace(self, revision=new_revision(), **changes)


def new_batch_id(now: datetime) -> str:
    """A batch id that no other batch will ever have; it sorts by time."""
    return f"{now:%Y%m%dT%H%M%S%f}-{secrets.token_hex(8)}"
