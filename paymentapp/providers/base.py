"""What a provider is: declared facts, a few verbs, and answers that are values."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple, Protocol

from paymentapp.clock import Clock
from paymentapp.config import Settings
from paymentapp.errors import Misconfigured, NotSent, OutcomeUnknown
from paymentapp.models.batches import Batch, Member
from paymentapp.models.money import Money
from paymentapp.models.payments import Payment, Status
from paymentapp.models.provider_state import ProviderState
from paymentapp.variables import Declared
from paymentapp.vault.sealing import Vault


class CurrencyRule(NamedTuple):
    """How a provider takes a currency: its decimals, and the most that one payment may be."""

    decimals: int
    maximum: Decimal


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider has the batch, under `reference`."""

    reference: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The provider did nothing, because of what the batch holds: asked again, it would say the
    same. `verdicts` names the members at fault by their position among the members sent; where
    it is empty the provider named none.

    Reasons that may pass (no funds, no permission, a rate limit) are no refusal: they are raised
    as `Misconfigured` or `NotSent`, and the same batch waits.
    """

    code: str
    member_errors: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NeedsReview:
    """Whether the provider has the batch cannot be found out, now or later: it is never sent
    again, and a person decides. `code` says what is known, without a secret."""

    code: str


@dataclass(frozen=True, slots=True)
class Postponed:
    """Nothing has been paid, and nothing may be before `until`: the same batch waits for that.
    It is no failure; other batches go on. `code` says why."""

    code: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """Nothing was sent, and under this batch's id nothing ever will be: its members go out again
    in another batch. Nobody is at fault. `code` says why."""

    code: str


Outcome = Accepted | Refused | NeedsReview | Postponed | Withdrawn
# What an error of a provider means: to be raised, or a refusal.
ErrorKind = type[NotSent] | type[OutcomeUnknown] | type[Misconfigured] | type[Refused]


@dataclass(frozen=True, slots=True)
class ItemReport:
    """What a provider says of one item. `status` is None where it is not in the table."""

    item_id: str  # ours, see models.item_id
    status: Status | None
    raw_status: str
    provider_item_id: str | None = None
    transaction_id: str | None = None
    reason: str | None = None
    money: Money | None = None  # what it was told to pay, and to whom (`Payment.payee`)
    receiver: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Correction:
    """What a provider says of the details that a payment went by: right in future, or wrong."""

    item_id: str
    note: str  # for a person, without an account number
    destination: str | None = field(default=None, repr=False)  # the right one, where it is told
    replaces: Sequence[str] = field(default=(), repr=False)  # empty: the payment's own


@dataclass(frozen=True, slots=True)
class BlockedPayee:
    """Details by which a customer must not be paid again until they are put again, and why."""

    reason: str
    destinations: Sequence[str] = field(default=(), repr=False)  # empty: the payment's own


@dataclass(frozen=True, slots=True)
class Unmatched:
    """What a provider says that cannot be applied to any payment: why, and what it says."""

    reason: str
    details: Mapping[str, str] = field(default_factory=dict)  # for an operator, no account number


@dataclass(frozen=True, slots=True)
class WebhookNews:
    """A webhook event as far as it is understood; of no concern to us where it has neither an
    item nor a batch."""

    event_id: str  # the provider's, the same whenever it sends the event again
    kind: str  # in the provider's words
    item: ItemReport | None = None
    batch_id: str | None = None  # ours, as the provider repeats it
    reference: str | None = None  # the provider's id of that batch
    correction: Correction | None = None
    unmatched: Unmatched | None = None  # the inbox sets it aside for an operator
    finding: str | None = None  # what is odd about it, though it counts
    blocked: BlockedPayee | None = None


class Detail(NamedTuple):
    """One thing that a provider has to be told of a customer, as a text."""

    name: str
    description: str
    pattern: str  # what the whole of it matches
    problem: str  # what to say where it does not; never with the value
    required: bool = True
    suggest: Callable[[str], str | None] | None = None  # makes a value that matches, from another


class Payees(Protocol):
    """What a provider has to know of a customer to pay them.

    A destination is one word that is stored with the customer and with each payment. It is
    the provider's own, and what is secret in it is sealed for that customer.
    """

    details: Sequence[Detail]
    email_is_enough: bool  # whether a customer of whom it knows no details can be paid

    def destination(self, customer_id: str, details: Mapping[str, str]) -> str:
        """Check details that match their patterns. Raises NotPayable, whose field is a detail's
        name; Misconfigured where they cannot be sealed."""

    def show(self, customer_id: str, destination: str) -> Mapping[str, str]:
        """The details by their names, as far as anybody may see them: the last four of an
        account number. Raises Misconfigured where they cannot be opened."""

    def renew(self, customer_id: str, destination: str) -> str | None:
        """The same destination under today's key; None where it is already."""


class Webhooks(Protocol):
    """How a provider's webhook events are told from anybody else's, and read."""

    def verify_webhook(self, headers: Mapping[str, str], body: bytes) -> None:
        """Return if the provider signed exactly these bytes, and lately. Names of headers are in
        small letters.

        Raises NotGenuine where it did not; `NotSent` or `Misconfigured` where that cannot be
        told now.
        """

    def parse_webhook(self, body: bytes) -> WebhookNews:
        """Read a body that has been verified. Raises NotGenuine where it makes no sense."""


class Cutoffs(Protocol):
    """Times at which payments leave, as a bank's cut-offs."""

    def next_departure(self, now: datetime) -> datetime:
        """When a payment that is accepted now should leave; not before `now`."""


class BatchKey(Protocol):
    """What keeps payments apart that should not wait for each other in one batch."""

    def key(self, payment: Payment) -> str:
        """Payments of different keys go in different batches."""


class Delivery(NamedTuple):
    """News that lay in a provider's mailbox: event bodies, which `parse_webhook` reads."""

    name: str  # of the file, for the mailbox
    bodies: Sequence[bytes]
    complete: bool = True  # False: more may be in it, so that it is not put away


class UnreadFile(NamedTuple):
    """A file in a provider's mailbox that is not read, or not wholly, until an operator acts."""

    file_id: str
    name: str
    size: int  # bytes
    since: datetime
    reason: str


class Recorded(NamedTuple):
    """What follows from what an operator has recorded: the reason in words, and a blocked payee."""

    reason: str | None = None
    blocked: BlockedPayee | None = None


class Mailbox(Protocol):
    """News that has to be fetched, as files from a bank.

    The exceptions are a provider's; nothing here moves money.
    """

    def collect(self) -> Iterator[Delivery]:
        """Everything that has not been put away, in the order in which it came."""

    def put_away(self, delivery: Delivery) -> None:
        """All of it is on record: do not tell of it again. Telling again does no harm."""

    def parse_webhook(self, body: bytes) -> WebhookNews:
        """Read one of a delivery's bodies. Raises NotGenuine where it makes no sense."""

    def unread(self) -> Sequence[UnreadFile]:
        """Return what lies in the mailbox and cannot be read, as of the last poll."""

    def set_aside(self, file_id: str, note: str) -> bool:
        """Record that an operator has dealt with an unread file; False where there is none."""

    def record(self, payment: Payment, status: Status, code: str) -> Recorded:
        """Record what an operator says of a payment, so that `fetch` reports the same.

        `code` is the provider's own reason. Raises Conflict where that cannot be.
        """


class Corrections(Protocol):
    """The details that a provider has corrected, for payments that have not been sent yet."""

    def current(self, destination: str) -> str:
        """Return the destination that has replaced one, or the same. Raises StoreUnavailable."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """A payment that left the account, as the provider's own books have it."""

    transaction_id: str
    at: datetime
    money: Money
    item_id: str | None  # ours, as far as the books repeat it
    raw_status: str


class TransactionSearch(Protocol):
    """A look into the provider's own books, whoever sent a payment.

    Nothing here moves money. The exceptions are a provider's, and `NotPermitted` where the
    account may not look.
    """

    lag: timedelta  # how long a payment may take to appear

    def transactions(self, start: datetime, end: datetime) -> Iterator[Transaction]:
        """Payments that left the account between two moments, some of them perhaps twice."""

    def batch_id_of(self, reference: str) -> str | None:
        """Our id of the batch that the provider has under its own `reference`.

        Empty where that batch carries none, None where the provider knows no such batch."""


class Facts(Protocol):
    """What a provider's class declares of it: true before it is built."""

    name: str
    forgets_batch_after: timedelta | None  # from when on a repeated batch is a new one; None: never
    looks_before_resending: bool  # whether `submit` looks for a batch that may be forgotten
    returns_unclaimed_after: timedelta | None  # None: nothing waits for its recipient
    submits_per_second: int  # of batches that are not full; those that are may always go


class Provider(Facts, Protocol):
    """A way to pay people. Every provider is a subclass, and declares what is not None below.

    Every call has a time-out. Exceptions are `NotSent`, `OutcomeUnknown` and `Misconfigured`,
    and nothing else.
    """

    currencies: Mapping[str, CurrencyRule]
    batch_size: int  # members of one call at most, as set
    description: str  # which account or address, for a person: no secret in it
    configured: bool  # whether its settings are there; nothing is paid before they are

    # What a provider may offer besides; None where it does not.
    webhooks: Webhooks | None = None  # also where the settings name none
    payees: Payees | None = None  # None: the customer's e-mail is all that it needs
    cutoffs: Cutoffs | None = None  # None: payments leave at once
    batch_key: BatchKey | None = None  # None: any payments go together
    mailbox: Mailbox | None = None
    corrections: Corrections | None = None
    transaction_search: TransactionSearch | None = None

    @abstractmethod
    def submit(self, batch: Batch, members: Sequence[Member]) -> Outcome:
        """Send a batch under its own id; the same batch may be sent any number of times."""

    @abstractmethod
    def fetch(self, batch: Batch) -> list[ItemReport]:
        """What the provider says of every item of an accepted batch."""

    @abstractmethod
    def cancel(self, provider_item_id: str) -> ItemReport:
        """Take back an item that nobody has claimed; the report says what became of it.

        Also where it is too late: then it tells the item's own status."""

    @abstractmethod
    def check(self) -> None:
        """Return if the credentials are there and are accepted, without moving anything."""

    @abstractmethod
    def close(self) -> None:
        """Let go of connections."""


class Kit(NamedTuple):
    """What providers are built from."""

    settings: Settings
    clock: Clock
    vault: Vault
    state: ProviderState


class ProviderClass(Facts, Protocol):
    """What the registry's lines name: a provider's class."""

    settings_class: type[Declared]
    example_details: Mapping[str, str]  # of a customer, for documentation

    def build(self, kit: Kit) -> Provider:
        """Build the provider from its settings. Nothing is sent. Raises SettingsError."""
