"""Batches: the payments that go to a provider in one call, under one idempotency key."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple, TypedDict, Unpack

from paymentapp.errors import (
    InsufficientFunds,
    Misconfigured,
    NotPermitted,
    NotSent,
    OutcomeUnknown,
)
from paymentapp.models.caller_texts import Metadata
from paymentapp.models.events import Event, OtherEvent
from paymentapp.models.money import Money
from paymentapp.models.payments import PaymentKey
from paymentapp.models.revisions import new_revision


class Member(NamedTuple):
    """A payment in a batch, frozen with it: what the provider receives, and what holds concern."""

    customer_id: str
    payment_id: str
    money: Money
    email: str
    destination: str | None = None  # None: the e-mail
    description: str | None = None  # the caller's texts that the provider sends on
    metadata: Metadata = ()
    bulk_id: str | None = None  # of the payment; its provider does not receive it
    options: Metadata = ()  # what the payment asks of its payment method

    def __repr__(self) -> str:
        return f"Member({self.customer_id} {self.payment_id} {self.money})"

    @property
    def key(self) -> PaymentKey:
        """Return the key of the payment."""
        return PaymentKey(self.customer_id, self.payment_id)

    @property
    def is_erased(self) -> bool:
        """Return whether nothing of the payee is left."""
        return not self.email

    def erased(self) -> Member:
        """Return the member with the payment's key, amount and bulk run alone."""
        return Member(self.customer_id, self.payment_id, self.money, "", bulk_id=self.bulk_id)

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
    ABORTED = "aborted"  # certainly not sent, and never will be; its members are released
    CLOSED = "closed"  # nothing left to do
    PARKED = "parked"  # its outcome stayed unknown: an operator decides


class Resolution(StrEnum):
    """What an operator may decide about a parked batch."""

    ACCEPTED = "accepted"  # the provider has it
    NOT_SENT = "not-sent"  # the provider did nothing with it, and never will


# How `Batch.last_error` begins while the batch waits because the call that sends it has failed.
_FAILURES = tuple(
    f"{kind.__name__}:" for kind in (NotSent, OutcomeUnknown, Misconfigured, NotPermitted)
)
# How that of a batch begins that the provider did nothing with because of its content.
REFUSED = "Refused: "
# How `Batch.last_error` of a batch that was taken apart begins; the reason follows.
TAKEN_APART = "taken apart: "
NO_FUNDS = "no funds"  # such a reason
# How `Batch.last_error` of a parked batch begins that was accepted all the same; the provider's id
# of it follows.
ACCEPTED_AS = "accepted as "
# `Batch.open_attempt` of a batch of which every attempt to send it has certainly had no effect.
NO_ATTEMPT = ""
# `Batch.open_attempt` where that is not known, and never will be.
UNKNOWN_ATTEMPT = "unknown"


class Decision(NamedTuple):
    """An operator's resolution of a parked batch, with its grounds; stored with the batch."""

    at: datetime
    resolution: Resolution
    person: str  # the operator's name
    note: str  # the reason, in the operator's words
    evidence: str  # what the provider answered then


class StopOrder(NamedTuple):
    """An operator's order not to send a batch again, which parks it; stored with the batch."""

    at: datetime
    person: str  # the operator's name
    note: str  # the reason, in the operator's words


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
    open_attempt: str
    last_error: str | None
    member_errors: Mapping[int, str]
    decision: Decision | None
    stop_order: StopOrder | None
    unsettled: Decimal | None


# States in which a batch may still be sent, with what its members hold.
SENDABLE = frozenset({BatchState.PREPARED, BatchState.FROZEN, BatchState.PARKED})


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
    # The attempt to send it that has begun, and of which it is not certain that it had no effect;
    # else one of the two above. A record of an earlier version says nothing: unknown.
    open_attempt: str = UNKNOWN_ATTEMPT
    last_error: str | None = None
    # Members that a refusal names: the reason by the member's position.
    member_errors: Mapping[int, str] = field(default_factory=dict)
    decision: Decision | None = None  # an operator's, where the batch was parked
    stop_order: StopOrder | None = None  # None: no operator has parked it
    # The sum of the members without a final status, as of the last poll; None: not on record.
    unsettled: Decimal | None = None
    traceparent: str | None = None  # of the step that has made the batch, where traces were on

    def changed(self, **changes: Unpack[BatchChanges]) -> Batch:
        """Return the next version of the record."""
        return replace(self, revision=new_revision(), **changes)

    @property
    def certainly_unsent(self) -> bool:
        """Return whether the batch waits to be sent, and no attempt so far has had an effect."""
        return self.state is BatchState.FROZEN and self.open_attempt == NO_ATTEMPT

    @property
    def accepted_since(self) -> bool:
        """Return whether a call that was under way when the batch was parked has been accepted."""
        said = (self.last_error or "").startswith(ACCEPTED_AS)
        return self.state is BatchState.PARKED and said

    @property
    def lacks_funds(self) -> bool:
        """Return whether the batch waits because its last attempt was refused for lack of funds."""
        kind = f"{InsufficientFunds.__name__}:"
        return self.state is BatchState.FROZEN and (self.last_error or "").startswith(kind)

    @property
    def failure(self) -> str | None:
        """Return why the last attempt to send the batch failed, if it waits for another one.

        None where it waits for something else, such as funds.
        """
        error = self.last_error or ""
        waits = self.state is BatchState.FROZEN and error.startswith(_FAILURES)
        return error if waits else None

    @property
    def was_answered(self) -> bool:
        """Return whether its provider has answered its last attempt: it took it, or refused it."""
        refused = (self.last_error or "").startswith((REFUSED, f"{TAKEN_APART}{NO_FUNDS}"))
        return self.accepted_at is not None or refused or self.lacks_funds

    def frozen(
        self, at: datetime, excluded: tuple[int, ...], unsettled: Decimal | None = None
    ) -> Batch:
        """Return the batch with its members fixed, and its first attempt begun."""
        return self.changed(
            state=BatchState.FROZEN,
            frozen_at=at,
            excluded=excluded,
            open_attempt=new_revision(),
            unsettled=unsettled,
        )

    def claimed(self, until: datetime) -> Batch:
        """Return the batch with another attempt begun, for one process until a time.

        Where an earlier attempt is still open, it will never be known that none had an effect.
        """
        attempt = new_revision() if self.open_attempt == NO_ATTEMPT else UNKNOWN_ATTEMPT
        return self.changed(attention_at=until, open_attempt=attempt)

    def taken_apart(self, now: datetime, why: str) -> Batch:
        """Return the batch as one that is never sent; its members are to be released now.

        Write it over the version of which it is known that nothing was sent, and over no other:
        whoever sends the batch has written another version before.
        """
        return self.changed(
            state=BatchState.ABORTED,
            last_error=f"{TAKEN_APART}{why}",
            attention_at=now,
            open_attempt=NO_ATTEMPT,
        )

    @property
    def why_taken_apart(self) -> str | None:
        """Return why a batch was taken apart; None where it was not."""
        if self.state is not BatchState.ABORTED:
            return None
        before, prefix, why = (self.last_error or "").partition(TAKEN_APART)
        return why if prefix and not before else None

    def without_effect(self, attempt: str) -> str:
        """Return `open_attempt` once an attempt has certainly had no effect.

        That of any other attempt stays, so that this can be recorded twice.
        """
        known = attempt != UNKNOWN_ATTEMPT and self.open_attempt == attempt
        return NO_ATTEMPT if known else self.open_attempt


def parking_events(old: Batch, new: Batch) -> list[Event]:
    """Return the events of a change of a batch: one, where it is parked by it.

    Its subject has why, since the record says something else once more is known. An operator's
    order is read from the record.
    """
    if new.parked_at is None or new.parked_at == old.parked_at:
        return []
    why = "" if new.stop_order else new.last_error or ""
    return [Event(OtherEvent.BATCH_PARKED, new.parked_at, (new.batch_id, why))]


def new_batch_id(now: datetime) -> str:
    """Return a batch id that no other batch will ever have; ids sort by time."""
    return f"{now:%Y%m%dT%H%M%S%f}-{secrets.token_hex(8)}"
