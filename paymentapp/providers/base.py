"""Interface of a provider: declared facts, a few operations, and results that are values."""

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
    """How a provider takes a currency: its decimals and the largest single payment."""

    decimals: int
    maximum: Decimal


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider has the batch, under `reference`."""

    reference: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The provider did nothing because of the batch's content; a retry would be refused again.

    `member_errors` maps the positions of the members at fault, among the members sent, to the
    reason; it is empty where the provider named none.

    Reasons that may pass (no funds, no permission, a rate limit) are not refusals: they are raised
    as `Misconfigured` or `NotSent`, and the same batch waits.
    """

    code: str
    member_errors: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NeedsReview:
    """It cannot be determined, now or later, whether the provider has the batch.

    The batch is never sent again, and an operator decides. `code` says what is known, without a
    secret.
    """

    code: str


@dataclass(frozen=True, slots=True)
class Postponed:
    """Nothing has been paid, and nothing may be before `until`: the same batch waits for that time.

    It is not a failure; other batches go on. `code` says why.
    """

    code: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """Nothing was sent, and nothing ever will be under this batch's id.

    Its members go out again in another batch; `code` says why.
    """

    code: str


Outcome = Accepted | Refused | NeedsReview | Postponed | Withdrawn
# How a provider's error is classified: an exception to raise, or a refusal.
ErrorKind = type[NotSent] | type[OutcomeUnknown] | type[Misconfigured] | type[Refused]


@dataclass(frozen=True, slots=True)
class ItemReport:
    """A provider's report of one item; `status` is None where the table does not know it."""

    item_id: str  # ours, see models.item_ids
    status: Status | None
    raw_status: str
    provider_item_id: str | None = None
    transaction_id: str | None = None
    reason: str | None = None
    money: Money | None = None  # the amount it was told to pay
    receiver: str | None = field(default=None, repr=False)  # compare `Payment.payee`


@dataclass(frozen=True, slots=True)
class Correction:
    """A provider's correction of a payee's details: right in future, or known to be wrong."""

    item_id: str
    note: str  # for an operator, without an account number
    destination: str | None = field(default=None, repr=False)  # the correct one, where reported
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
    """A provider's event as far as it is understood.

    It concerns no payment of ours where it has neither an item nor a batch.
    """

    event_id: str  # the provider's, the same whenever it redelivers the event
    kind: str  # the provider's event type
    item: ItemReport | None = None
    batch_id: str | None = None  # ours, as the provider echoes it
    reference: str | None = None  # the provider's id of that batch
    correction: Correction | None = None
    problem: str = ""  # why the event cannot be read, though it may be about a payment of ours
    unmatched: Unmatched | None = None  # the inbox sets it aside for an operator
    finding: str | None = None  # what is odd about it, though it counts
    blocked: BlockedPayee | None = None


class Detail(NamedTuple):
    """One field that a provider needs to know of a customer, as text."""

    name: str
    description: str
    pattern: str  # a regular expression that must match the whole value
    problem: str  # the error text where it does not; never with the value
    required: bool = True
    suggest: Callable[[str], str | None] | None = None  # makes a value that matches, from another


class Payees(Protocol):
    """What a provider must know of a customer to pay them.

    A destination is one string that is stored with the customer and with each payment. Its format
    is the provider's own, and what is secret in it is sealed for that customer.
    """

    details: Sequence[Detail]
    email_is_enough: bool  # whether a customer without stored details can be paid

    def destination(self, customer_id: str, details: Mapping[str, str]) -> str:
        """Return the destination for details that match their patterns.

        Raises NotPayable, whose field is a detail's name; Misconfigured where they cannot be
        sealed.
        """

    def show(self, customer_id: str, destination: str) -> Mapping[str, str]:
        """Return the details by name, masked for display: an account number's last four digits.

        Raises Misconfigured where they cannot be opened.
        """

    def display(self, customer_id: str, destination: str) -> str:
        """Return the payee on one line: enough to recognise them, and not enough to pay them.

        Raises Misconfigured where the destination cannot be opened, NotSent where a key service
        does not answer.
        """

    def renew(self, customer_id: str, destination: str) -> str | None:
        """Return the destination sealed with the current key; None where it already is."""


class Webhooks(Protocol):
    """Verification and parsing of a provider's webhook events."""

    def verify_webhook(self, headers: Mapping[str, str], body: bytes) -> None:
        """Return if the provider signed exactly these bytes, recently; header names are lower case.

        Raises NotGenuine where it did not; `NotSent` or `Misconfigured` where that cannot be
        checked now.
        """

    def parse_webhook(self, body: bytes) -> WebhookNews:
        """Parse a body that has been verified. Raises NotGenuine where it makes no sense."""


class Cutoffs(Protocol):
    """Times at which payments leave, such as a bank's cut-off times."""

    def next_departure(self, now: datetime) -> datetime:
        """Return when a payment accepted now should leave; never before `now`."""


class BatchKey(Protocol):
    """Groups payments that may share a batch."""

    def key(self, payment: Payment) -> str:
        """Return the group key: payments with different keys go in different batches."""


class Delivery(NamedTuple):
    """One file from a provider's mailbox: event bodies, which `parse_webhook` reads."""

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
    """Provider updates that have to be fetched, such as files from a bank.

    The exceptions are a provider's; nothing here moves money.
    """

    def collect(self) -> Iterator[Delivery]:
        """Yield everything that has not been put away, in the order in which it came."""

    def put_away(self, delivery: Delivery) -> None:
        """Mark a delivery as recorded, so that it is not collected again. Idempotent."""

    def parse_webhook(self, body: bytes) -> WebhookNews:
        """Parse one body of a delivery. Raises NotGenuine where it makes no sense."""

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
    """A payment that left the account, as the provider's own books record it."""

    transaction_id: str
    at: datetime
    money: Money
    item_id: str | None  # ours, where the books echo it
    raw_status: str


class TransactionSearch(Protocol):
    """Search of the provider's own books, for payments by any sender.

    Nothing here moves money. The exceptions are a provider's, and `NotPermitted` where the account
    may not search.
    """

    lag: timedelta  # how long a payment may take to appear

    def transactions(self, start: datetime, end: datetime) -> Iterator[Transaction]:
        """Yield payments that left the account between two times; some may come twice."""

    def batch_id_of(self, reference: str) -> str | None:
        """Return our id of the batch that the provider has under its own `reference`.

        Empty where that batch carries none, None where the provider knows no such batch.
        """


class Facts(Protocol):
    """What a provider's class declares; true before it is built."""

    name: str
    forgets_batch_after: timedelta | None  # after it a resent batch is a new one; None: never
    looks_before_resending: bool  # whether `submit` searches for a batch that may be forgotten
    returns_unclaimed_after: timedelta | None  # None: no payment waits to be claimed
    submits_per_second: int  # limit for batches that are not full; full ones are not limited


class Provider(Facts, Protocol):
    """A provider of payments. Each one is a subclass, and declares what is not None below.

    Every call has a timeout. Exceptions are `NotSent`, `OutcomeUnknown` and `Misconfigured`, and
    nothing else.
    """

    currencies: Mapping[str, CurrencyRule]
    batch_size: int  # maximum members of one call, from the settings
    description: str  # which account or address, for operators: no secret in it
    configured: bool  # whether its settings are complete; nothing is paid before they are
    longest_call: timedelta = timedelta(minutes=5)  # more than any call below takes in all

    # Optional abilities; None where the provider does not have them.
    webhooks: Webhooks | None = None  # also None where the settings configure no webhook
    payees: Payees | None = None  # None: the customer's e-mail is all that it needs
    cutoffs: Cutoffs | None = None  # None: payments leave at once
    batch_key: BatchKey | None = None  # None: any payments may share a batch
    mailbox: Mailbox | None = None
    corrections: Corrections | None = None
    transaction_search: TransactionSearch | None = None

    @abstractmethod
    def submit(self, batch: Batch, members: Sequence[Member]) -> Outcome:
        """Send a batch under its own id; sending the same batch again has no further effect."""

    @abstractmethod
    def fetch(self, batch: Batch) -> list[ItemReport]:
        """Return the provider's report of every item of an accepted batch."""

    @abstractmethod
    def cancel(self, provider_item_id: str) -> ItemReport:
        """Cancel an unclaimed item, and return its report, also where it is too late to cancel."""

    @abstractmethod
    def check(self) -> None:
        """Return if the credentials are set and accepted; move nothing."""

    @abstractmethod
    def close(self) -> None:
        """Close connections."""


class Kit(NamedTuple):
    """Dependencies that providers are built from."""

    settings: Settings
    clock: Clock
    vault: Vault
    state: ProviderState


class ProviderClass(Facts, Protocol):
    """A provider's class, as the registry names it."""

    settings_class: type[Declared]
    details: Sequence[Detail]  # those of its `payees`
    example_details: Mapping[str, str]  # a customer's, for documentation

    def build(self, kit: Kit) -> Provider:
        """Build the provider from its settings; send nothing. Raises SettingsError."""
