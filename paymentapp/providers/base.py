"""What a provider is: declared facts, a few verbs, and answers that are values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple, Protocol

from paymentapp.models import Batch, Member, Status


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
