"""What a provider is: declared facts, a few verbs, and answers that are values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple, Protocol, runtime_checkable

from paymentapp.models import Batch, Member, Money, Status


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
    verdicts: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ItemReport:
    """What a provider says of one item. `status` is None where it is not in the table."""

    item_id: str  # ours, see models.item_id
    status: Status | None
    raw_status: str
    provider_item_id: str | None = None
    transaction_id: str | None = None
    reason: str | None = None
    money: Money | None = None  # what it was told to pay, and to whom
    receiver: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class WebhookNews:
    """A webhook event as far as it is understood; of no concern to us where it has neither an
    item nor a batch."""

    event_id: str  # the provider's, the same whenever it sends the event again
    kind: str  # in the provider's words
    item: ItemReport | None = None
    batch_id: str | None = None  # ours, as the provider repeats it
    reference: str | None = None  # the provider's id of that batch


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


class Provider(Protocol):
    """A way to pay people.

    Every call has a time-out. Exceptions are `NotSent`, `OutcomeUnknown` and `Misconfigured`,
    and nothing else.
    """

    name: str
    currencies: Mapping[str, CurrencyRule]
    batch_size: int  # members of one call at most, as set
    description: str  # which account or address, for a person: no secret in it
    configured: bool  # whether its settings are there; nothing is paid before they are
    webhooks: Webhooks | None  # None: it sends none, or the settings name none

    def submit(self, batch: Batch, members: Sequence[Member]) -> Accepted | Refused:
        """Send a batch under its own id; the same batch may be sent any number of times."""

    def fetch(self, batch: Batch) -> list[ItemReport]:
        """What the provider says of every item of an accepted batch."""

    def cancel(self, provider_item_id: str) -> ItemReport:
        """Take back an item that nobody has claimed; the report says what became of it.

        Also where it is too late: then it tells the item's own status."""

    def check(self) -> None:
        """Return if the credentials are there and are accepted, without moving anything."""

    def close(self) -> None:
        """Let go of connections."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """A payment that left the account, as the provider's own books have it."""

    transaction_id: str
    at: datetime
    money: Money
    item_id: str | None  # ours, as far as the books repeat it
    raw_status: str


@runtime_checkable
class Books(Protocol):
    """What a provider may offer besides: to look into its books, whoever sent a payment.

    Nothing here moves money. The exceptions are a provider's, and `NotPermitted` where the
    account may not look.
    """

    search_lag: timedelta  # how long a payment may take to appear

    def transactions(self, start: datetime, end: datetime) -> Iterator[Transaction]:
        """Payments that left the account between two moments, some of them perhaps twice."""

    def batch_id_of(self, reference: str) -> str | None:
        """Our id of the batch that the provider has under its own `reference`.

        Empty where that batch carries none, None where the provider knows no such batch."""
