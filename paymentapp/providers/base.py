"""Interface of a provider: declared facts, a few operations, and results that are values."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple, Protocol

from paymentapp.clock import Clock
from paymentapp.config import Settings
from paymentapp.errors import Misconfigured, NotPayable, NotSent, OutcomeUnknown
from paymentapp.models.balances import ProviderBalance
from paymentapp.models.batches import Batch, Member
from paymentapp.models.caller_texts import CallerTexts, Metadata
from paymentapp.models.explanations import Explanation
from paymentapp.models.money import Money
from paymentapp.models.payments import Payment
from paymentapp.models.provider_state import ProviderState
from paymentapp.providers.updates import (
    EventSealing,
    ItemReport,
    Mailbox,
    Recall,
    Reversals,
    Webhooks,
)
from paymentapp.variables import Declared
from paymentapp.vault.sealing import Vault


class Environment(StrEnum):
    """What an account of a provider moves."""

    LIVE = "live"  # real money
    TEST = "test"  # none: a provider's sandbox or test mode
    SIMULATED = "simulated"  # none: a simulator on this machine


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


class Detail(NamedTuple):
    """One field that a provider needs to know of a customer, as text."""

    name: str
    description: str
    pattern: str  # a regular expression that must match the whole value
    problem: str  # the error text where it does not; never with the value
    required: bool = True
    suggest: Callable[[str], str | None] | None = None  # makes a value that matches, from another


class RemittanceRules(NamedTuple):
    """What a provider sends on of a payment's description and metadata: all of it, as it is."""

    pattern: str = r"[\s\S]*"  # a regular expression that must match the whole description
    problem: str = ""  # the error text where it does not; never with the value
    metadata: bool = False  # whether it sends on metadata too
    reserved_keys: frozenset[str] = frozenset()  # keys of metadata that its own code uses
    options: Sequence[Detail] = ()  # what a payment may ask of it; no other option is taken


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
        """Return `reseal` for a customer's stored details, and record which it replaces."""

    def reseal(self, customer_id: str, destination: str) -> str | None:
        """Return the destination sealed with the current key; None where it already is.

        Nothing is recorded: for copies, such as those in a history. Raises Misconfigured where it
        cannot be opened.
        """


class PayeeRules(Protocol):
    """What depends on the payee: what they can be paid, and how a report names them."""

    def problem(self, destination: str, money: Money, texts: CallerTexts) -> NotPayable | None:
        """Return why such a payment cannot go to a destination; None where it can."""

    def is_payee(self, customer_id: str, destination: str, receiver: str) -> bool:
        """Return whether the receiver of a report is the payee of a destination.

        Raises Misconfigured where it cannot be opened, NotSent where a key service does not answer.
        """


class RetryRules(Protocol):
    """What a provider has to be told of a payment that is tried again, and how often it may be."""

    def options(self, tried: Sequence[Payment]) -> Metadata:
        """Return options of the provider's own for a retry of the first of these payments.

        Each is the retry of the one after it. Raises Conflict where it must not be tried again.
        """


class Cutoffs(Protocol):
    """Times at which payments leave, such as a bank's cut-off times."""

    def next_departure(self, now: datetime) -> datetime:
        """Return when a payment accepted now should leave; never before `now`."""


class BatchKey(Protocol):
    """Groups payments that may share a batch."""

    def key(self, payment: Payment) -> str:
        """Return the group key: payments with different keys go in different batches."""


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


class BalanceSource(Protocol):
    """The balances of the account that a provider pays from. Moves nothing."""

    def read(self) -> Sequence[ProviderBalance]:
        """Return what can be paid in each currency. Raises as a provider, and `NotPermitted`."""


class Facts(Protocol):
    """What a provider's class declares; true before it is built."""

    name: str
    forgets_batch_after: timedelta | None  # after it a resent batch is a new one; None: never
    looks_before_resending: bool  # whether `submit` searches for a batch that may be forgotten
    returns_unclaimed_after: timedelta | None  # None: no payment waits to be claimed
    submits_per_second: int  # batches that are not full, by all processes; full ones never wait


class Provider(Facts, Protocol):
    """A provider of payments. Each one is a subclass, and declares what is not None below.

    Every call has a timeout. Exceptions are `NotSent`, `OutcomeUnknown` and `Misconfigured`, and
    nothing else.
    """

    currencies: Mapping[str, CurrencyRule]
    batch_size: int  # maximum members of one call, from the settings
    description: str  # which account or address, for operators: no secret in it
    environment: Environment = Environment.LIVE  # what is not known to be harmless is live
    configured: bool  # whether its settings are complete; nothing is paid before they are
    longest_call: timedelta = timedelta(minutes=5)  # more than any call below takes in all
    polls_per_second: float = 100  # calls of `fetch` by all processes; the others wait

    # Optional abilities; None where the provider does not have them.
    webhooks: Webhooks | None = None  # also None where the settings configure no webhook
    event_sealing: EventSealing | None = None  # None: its events hold no number of an account
    payees: Payees | None = None  # None: the customer's e-mail is all that it needs
    payee_rules: PayeeRules | None = None  # None: all alike, and reports name the destination
    remittance: RemittanceRules | None = None  # None: it sends on no text of the caller
    cutoffs: Cutoffs | None = None  # None: payments leave at once
    batch_key: BatchKey | None = None  # None: any payments may share a batch
    mailbox: Mailbox | None = None
    corrections: Corrections | None = None
    retry_rules: RetryRules | None = None  # None: a retry is a payment like any other
    recall: Recall | None = None  # None: what was sent is only cancelled while unclaimed
    reversals: Reversals | None = None  # None: what was paid cannot be taken back
    transaction_search: TransactionSearch | None = None
    balances: BalanceSource | None = None

    @abstractmethod
    def submit(self, batch: Batch, members: Sequence[Member]) -> Outcome:
        """Send a batch under its own id; sending the same batch again has no further effect."""

    @abstractmethod
    def fetch(self, batch: Batch) -> list[ItemReport]:
        """Return the provider's report of every item of an accepted batch."""

    def poll_calls(self, batch: Batch) -> int:  # noqa: ARG002  # for providers with pages
        """Return how many calls `fetch` makes for a batch."""
        return 1

    @abstractmethod
    def cancel(self, provider_item_id: str) -> ItemReport:
        """Cancel an unclaimed item, and return its report, also where it is too late to cancel."""

    @staticmethod
    def explain(text: str) -> Explanation | None:  # noqa: ARG004  # for providers with a table
        """Return what a reason or a status of this provider means for a payment, and what to do.

        None where it is not known.
        """
        return None

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
    remittance: RemittanceRules | None  # of every instance

    @staticmethod
    def explain(text: str) -> Explanation | None:
        """Return what `Provider.explain` does."""

    def build(self, kit: Kit) -> Provider:
        """Build the provider from its settings; send nothing. Raises SettingsError."""
