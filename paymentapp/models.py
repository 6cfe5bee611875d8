"""The nouns: Money, Customer, Payment, Batch, and the moves that a status may make."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple, TypedDict, Unpack

from paymentapp.clock import from_text, to_text
from paymentapp.item_ids import item_id_of, key_of

CUSTOMER_ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,49}$"
CURRENCY_PATTERN = r"^[A-Z]{3}$"
EMAIL_MAX_LENGTH = 127  # as much as every provider takes that pays to an e-mail
# The addresses of RFC 5321 that people have: a dot-atom at a host name with a dot in it, all
# ASCII. No quoted local parts and no address literals, which payment providers refuse.
EMAIL_PATTERN = (
    r"^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$"
)
KEY_RETENTION = timedelta(days=35)
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


def may_move(old: Status, new: Status) -> bool:
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


@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount of one currency (ISO 4217 code); 12.50 and 12.5 are the same money."""

    amount: Decimal
    currency: str

    def __post_init__(self) -> None:
        if not isinstance(self.amount, Decimal):
            raise TypeError("an amount is a Decimal")
        object.__setattr__(self, "amount", _plain(self.amount))

    @property
    def decimals(self) -> int:
        """How many decimals the amount needs: 0 for 12, 1 for 12.5."""
        exponent = self.amount.as_tuple().exponent
        return max(0, -exponent) if isinstance(exponent, int) else 0

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"


def _plain(amount: Decimal) -> Decimal:
    """The same number without trailing zeros and without an exponent."""
    short = amount.normalize()
    return short.quantize(Decimal(1)) if short == short.to_integral_value() else short


@dataclass(frozen=True, slots=True)
class PaymentMethod:
    """How a customer is paid by one provider.

    `destination` is what the provider made of the details that it was given: it alone can read
    it, and what is secret in it is sealed.
    """

    destination: str = field(repr=False)
    updated_at: datetime
    note: str | None = None  # what the provider has said of it since, for a person


class CustomerChanges(TypedDict, total=False):
    """What may change in a customer's record."""

    methods: Mapping[str, PaymentMethod]
    default_method: str | None


@dataclass(frozen=True, slots=True)
class Customer:
    """Somebody who can be paid; `attributes` are the operator's own. A record as it was
    registered has no methods and no revision."""

    customer_id: str
    email: str
    created_at: datetime
    attributes: Mapping[str, str | int | bool | Decimal | None] = field(default_factory=dict)
    methods: Mapping[str, PaymentMethod] = field(default_factory=dict)
    default_method: str | None = None
    revision: str = ""

    def same_record(self, other: Customer) -> bool:
        """Whether both were registered the same, whenever that was.

        In Python True equals 1; on record they are not the same.
        """
        kinds = [{k: type(v) is bool for k, v in c.attributes.items()} for c in (self, other)]
        said = [(c.customer_id, c.email, c.attributes) for c in (self, other)]
        return said[0] == said[1] and kinds[0] == kinds[1]

    def changed(self, **changes: Unpack[CustomerChanges]) -> Customer:
        """Return the next version of the record."""
        return replace(self, revision=new_revision(), **changes)


class Move(NamedTuple):
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


def new_revision() -> str:
    """A token for one version of a record; whoever reads it back knows whose write it was."""
    return secrets.token_hex(6)


class PaymentChanges(TypedDict, total=False):
    """What may change in a payment, besides its status and history, which `moved` changes."""

    payment_method: str
    due_at: datetime | None
    batch_id: str | None
    provider_item_id: str | None
    transaction_id: str | None
    provider_status: str | None
    reason: str | None
    alone: bool
    cancel_requested: bool
    destination: str | None
    route: str | None
    tried: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Payment:
    """One disbursement. Every change makes a new version with a new `revision`."""

    customer_id: str
    payment_id: str  # `to_text` of the time of the request, unique for the customer
    money: Money
    payment_method: str
    email: str
    status: Status
    history: tuple[Move, ...]
    request_id: str  # tells this request's record from another's under the same key
    revision: str
    due_at: datetime | None = None  # not before then; set while the dispatcher has to act
    due_shard: int = 0
    batch_id: str | None = None
    provider_item_id: str | None = None
    transaction_id: str | None = None
    provider_status: str | None = None  # as the provider last said it, known to us or not
    reason: str | None = None  # of a failure or a return, in the provider's words
    alone: bool = False  # goes in a batch of its own, since it may have spoilt another
    cancel_requested: bool = False
    destination: str | None = field(default=None, repr=False)  # None: the e-mail
    route: str | None = None  # why it goes by this method, where the service chose it
    tried: tuple[str, ...] = ()  # methods whose providers have said that they did nothing

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
        if not may_move(self.status, status):
            raise ValueError(f"a payment does not go from {self.status} to {status}")
        history = (*self.history, Move(at, status, cause, reference))
        return replace(self, status=status, history=history, revision=new_revision(), **changes)

    def changed(self, **changes: Unpack[PaymentChanges]) -> Payment:
        """Return the next version with the same status."""
        return replace(self, revision=new_revision(), **changes)


def next_payment_id(payment_id: str) -> str:
    """The id one microsecond later, for when two requests meet in one."""
    return to_text(from_text(payment_id) + _MICROSECOND)


@dataclass(frozen=True, slots=True)
class KeyClaim:
    """An Idempotency-Key in use: which payment it made, and from which body."""

    key_hash: str
    fingerprint: str  # of the body; another body under the same key is refused
    customer_id: str
    payment_id: str
    expires_at: datetime
    revision: str


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
    ABORTED = "aborted"  # never frozen, or never sent by a person's word; members are let go
    CLOSED = "closed"  # nothing left to do
    PARKED = "parked"  # unknown for too long: a person decides


class Verdict(StrEnum):
    """What a person may decide about a parked batch."""

    ACCEPTED = "accepted"  # the provider has it
    NOT_SENT = "not-sent"  # the provider did nothing with it, and never will


class Decision(NamedTuple):
    """Who decided what about a parked batch, and on what grounds; it is kept with the batch."""

    at: datetime
    verdict: Verdict
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
    verdicts: Mapping[int, str]
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
    verdicts: Mapping[int, str] = field(default_factory=dict)  # refused members: position, reason
    decision: Decision | None = None  # of a person, where the batch was parked

    def changed(self, **changes: Unpack[BatchChanges]) -> Batch:
        """Return the next version of the record."""
        return replace(self, revision=new_revision(), **changes)


def new_batch_id(now: datetime) -> str:
    """A batch id that no other batch will ever have; it sorts by time."""
    return f"{now:%Y%m%dT%H%M%S%f}-{secrets.token_hex(8)}"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """Somebody's right to call the API; the secret itself is not kept."""

    key_id: str
    secret_hash: str
    name: str
    scopes: frozenset[str]
    created_at: datetime
    revoked_at: datetime | None = None
