"""What an outbound payment is to be: frozen before it is first sent, and never changed.

A second request under the same key has to be the same one, whatever has become of the settings and
of the recipient since.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

from paymentapp.models.batches import Member
from paymentapp.models.money import Money
from paymentapp.models.provider_state import ProviderState, StateEntry
from paymentapp.providers.json_answers import as_text, dig, parse_json
from paymentapp.providers.stripe.recipients import MadeRecipient


class OutboundOrder(NamedTuple):
    """The content of an outbound payment; the same for the same batch."""

    batch_id: str
    member: Member
    receiver: MadeRecipient
    financial_account: str
    from_currency: str

    @property
    def key(self) -> str:
        """The idempotency key: there is never another one for a batch."""
        return self.batch_id

    @property
    def money(self) -> Money:
        """The amount that the payee gets."""
        return self.member.money

    @property
    def metadata(self) -> Mapping[str, str]:
        """The caller's metadata with our own ids."""
        own = {"batch_id": self.batch_id, "item_id": self.member.item_id}
        return {**dict(self.member.metadata), **own}

    @property
    def described(self) -> Mapping[str, str]:
        """The parameter with the caller's description, where there is one."""
        text = self.member.description
        return {} if text is None else {"description": text}


class OutboundOrders:
    """The parts of orders that do not follow from their batches, in the provider's state.

    Raises StoreUnavailable.
    """

    def __init__(self, state: ProviderState) -> None:
        self._state = state

    def find(self, batch_id: str, member: Member) -> OutboundOrder | None:
        """Return a batch's order; None where nothing can have been sent for it."""
        entry = self._state.get_state_entry(_name(batch_id))
        return _order(batch_id, member, entry) if entry else None

    def freeze(self, order: OutboundOrder) -> tuple[OutboundOrder, bool]:
        """Record an order; return the one that is on record, and whether it is this one."""
        kept = {
            "financial_account": order.financial_account,
            "from_currency": order.from_currency,
            "recipient": order.receiver.recipient,
            "payout_method": order.receiver.method,
        }
        wanted = StateEntry.new(_name(order.batch_id), json.dumps(kept))
        entry = self._state.add_state_entry(wanted)
        is_new = entry.revision == wanted.revision
        return _order(order.batch_id, order.member, entry), is_new


def _name(batch_id: str) -> str:
    return f"stripe/outbound/{batch_id}"


def _order(batch_id: str, member: Member, entry: StateEntry) -> OutboundOrder:
    kept = parse_json(entry.text)
    names = ("recipient", "payout_method", "financial_account", "from_currency")
    recipient, method, *account = (as_text(dig(kept, name)) or "" for name in names)
    return OutboundOrder(batch_id, member, MadeRecipient(recipient, method), *account)
