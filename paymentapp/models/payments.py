"""The nouns: Money, Customer, Payment, Batch, and the moves that a status may make."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, TypedDict, Unpack

from paymentapp.clock import from_text, to_text
from paymentapp.models.item_ids import item_id_of, key_of
from paymentapp.models.money import Money
from paymentapp.models.revisions import new_revision

_MICROSECOND = timedelta(microseconds=1)


class Status(StrEnum):
    """Where a payment stands."""

    PENDING = "pending"  # accepted, durable, not yet in a batch
    SUBMITTING = "submitting"  # in a batch whose outcome at the provider is not yet known
    SUBMITTED = "submitted"  # the provider has it
    UNCLAIMED = "unclaimed"  # the provider holds it for a recipient without an account
    SUCCEEDED = "succeeded"
    FAILED = "failed"  # the provider said so
    RETURNED = "returned"  # the money came back
    CANCELLED = "cancelled"


_RANK = {
    Status.PENDING: 0,
    Status.SUBMITTING: 1,
    Status.SUBMITTED: 2,
    Status.UNCLAIMED: 3,
    Status.SUCCEEDED: 4,
    Status.FAILED: 4,
    Status.RETURNED: 4,
    Status.CANCELLED: 4,
}
FINAL = frozenset(s for s, rank in _RANK.items() if rank == 4)


def can_transition(old: Status, new: Status) -> bool:
    """Whether a payment may go from `old` to `new`: forward by rank, or taken back by the bank.

    A batch that certainly reached nobody also releases its members, `submitting` to `pending`.
    """
    if (old, new) in {(Status.SUCCEEDED, Status.RETURNED), (Status.SUBMITTING, Status.PENDING)}:
        return True
    return _RANK[old] < _RANK[new]


class Cause(StrEnum):
    """Who moved a payment."""

    REQUEST = "request"
    DISPATCH = "dispatch"
    POLL = "poll"
    WEBHOOK = "webhook"
    PERSON = "person"


class Transition(NamedTuple):
    """One line of a payment's history."""

    at: datetime
    status: Status
    cause: Cause
    reference: str = ""  # the batch, the provider's item, or why


class PaymentKey(NamedTuple):
    """The primary key of a disbursement."""

    customer_id: str
    payment_id: str

    @classmethod
    def of(cls, item_id: str) -> PaymentKey:
        """The payment that an item id names. Raises ValueError where it names none."""
        return cls(*key_of(item_id))

    @property
    def item_id(self) -> str:
        """The payment's name at its provider."""
        return item_id_of(*self)


class PaymentChanges(TypedDict, total=False):
    """What may change in a payment, besides its status and history, which `moved` changes."""

    payment_method: str
    due_at: datetime | None
    batch_id: str | None
    provider_item_id: str | None
    transaction_id: str | None
    provider_status: str | None
    reason: str | None
    isolated: bool
    cancel_requested: bool
    destination: str | None
    route: str | None
    tried_methods: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Payment:
    """One disbursement. Every change makes a new version with a new `revision`."""

    customer_id: str
    payment_id: str  # `to_text` of the time of the request, unique for the customer
    money: Money
    payment_method: str
    email: str
    status: Status
    history: tuple[Transition, ...]
    request_id: str  # tells this request's record from another's under the same key
    revision: str
    due_at: datetime | None = None  # not before then; set while the dispatcher has to act
    due_shard: int = 0
    batch_id: str | None = None
    provider_item_id: str | None = None
    transaction_id: str | None = None
    provider_status: str | None = None  # as the provider last said it, known to us or not
    reason: str | None = None  # of a failure or a return, in the provider's words
    isolated: bool = False  # goes in a batch of its own, since it may have spoilt another
    cancel_requested: bool = False
    destination: str | None = field(default=None, repr=False)  # None: the e-mail
    route: str | None = None  # why it goes by this method, where the service chose it
    tried_methods: tuple[str, ...] = ()  # methods whose providers have said that they did nothing

    @property
    def key(self) -> PaymentKey:
        return PaymentKey(self.customer_id, self.payment_id)

    @property
    def payee(self) -> str:
        """Who is paid, as the provider knows them."""
        return self.destination or self.email

    @property
    def created_at(self) -> datetime:
        return from_text(self.payment_id)

    @property
    def updated_at(self) -> datetime:
        return self.history[-1].at

    @property
    def is_to_be_taken_back(self) -> bool:
        """Whether the provider still has to be asked to cancel it."""
        return self.cancel_requested and self.status is Status.UNCLAIMED

    def moved(
        self,
        status: Status,
        at: datetime,
        cause: Cause,
        reference: str = "",
        **changes: Unpack[PaymentChanges],
    ) -> Payment:
        """Return the next version, with one more line of history.

        Raises ValueError where the move is not a legal one (see `may_move`).
        """
        if not can_transition(self.status, status):
            raise ValueError(f"a payment does not go from {self.status} to {status}")
        history = (*self.history, Transition(at, status, cause, reference))
        return replace(self, status=status, history=history, revision=new_revision(), **changes)

    def changed(self, **changes: Unpack[PaymentChanges]) -> Payment:
        """Return the next version with the same status."""
        return replace(self, revision=new_revision(), **changes)


def next_payment_id(payment_id: str) -> str:
    """The id one microsecond later, for when two requests meet in one."""
    return to_text(from_text(payment_id) + _MICROSECOND)
