"""What a transfer and its payout are to be."""

from __future__ import annotations

from typing import NamedTuple

from paymentapp.models.caller_texts import Metadata
from paymentapp.models.money import Money
from paymentapp.providers.stripe.payees import Destination

OWN_KEYS = frozenset({"batch_id", "item_id", "payout", "transfer"})  # of metadata


class TransferOrder(NamedTuple):
    """The content of a transfer and of its payout; the same for the same batch."""

    batch_id: str
    item_id: str
    money: Money
    destination: Destination
    description: str | None = None  # the caller's, as is `caller_metadata`
    caller_metadata: Metadata = ()

    @property
    def own_metadata(self) -> dict[str, str]:
        """What Stripe stores and echoes for us: of the keys OWN_KEYS."""
        payout = self.destination.payout
        return {"batch_id": self.batch_id, "item_id": self.item_id, "payout": payout}

    @property
    def described(self) -> dict[str, str]:
        """Return the parameter with the caller's description, where there is one."""
        return {} if self.description is None else {"description": self.description}
