"""What a provider reports about payments after they were submitted, and how it is received."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol

from paymentapp.models.batches import Batch
from paymentapp.models.money import Money
from paymentapp.models.payments import Payment, Status
from paymentapp.models.reversals import Reversal, ReversalOrder
from paymentapp.models.settled import NOT_SETTLED, Settled


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
    settled: Settled = NOT_SETTLED  # of a payment that has succeeded


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
    # Fetches what the event is about, where it has nothing but an id. Whoever applies the event
    # calls it; it raises a provider's errors. The process that receives the event may have no key.
    look_up: Callable[[], WebhookNews] | None = None


class Webhooks(Protocol):
    """Verification and parsing of a provider's webhook events."""

    def verify_webhook(self, headers: Mapping[str, str], body: bytes) -> None:
        """Return if the provider signed exactly these bytes, recently; header names are lower case.

        Raises NotGenuine where it did not; `NotSent` or `Misconfigured` where that cannot be
        checked now.
        """

    def parse_webhook(self, body: bytes) -> WebhookNews:
        """Parse a body that has been verified. Raises NotGenuine where it makes no sense."""


class EventSealing(Protocol):
    """Seals what must not be stored in plain of events that a provider sends."""

    def sealed(self, body: bytes) -> bytes:
        """Return a verified body as it is to be stored; `parse_webhook` reads it as the original.

        Raises NotSent where a key service does not answer.
        """


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

    @property
    def fetches(self) -> bool:
        """Return whether anything is ever fetched; else only operators record what they learn."""

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


class Recall(Protocol):
    """Taking back, by `Provider.cancel`, of payments that were sent and have not left yet."""

    def may_recall(self, payment: Payment) -> bool:
        """Return whether the provider may be asked; it may still find that it is too late."""


class Reversals(Protocol):
    """Taking back what was paid by mistake: it debits the payees by what they were paid.

    Nothing is taken back twice: an order that is repeated goes on with what was begun.
    """

    def send(self, batch: Batch, item_id: str | None, order: ReversalOrder) -> Reversal:
        """Take back one payment of a batch, or all that can be; return what then stands.

        Raises Conflict where nothing may be taken back (any more); NotSent, OutcomeUnknown,
        Misconfigured: repeat the order.
        """

    def retry(self, batch: Batch, item_id: str, order: ReversalOrder) -> Reversal:
        """Try again what came back for lack of funds. Raises as `send` does."""

    def of(self, batch: Batch, item_id: str) -> Sequence[Reversal]:
        """Return every order about a payment, settled or not, oldest first."""

    def confirm(self, reversal_id: str) -> Reversal:
        """Record that the provider has what it was not known to have. Raises Conflict."""

    def pending(self) -> Sequence[Reversal]:
        """Return the reversals that are not settled, oldest first. Raises StoreUnavailable."""
