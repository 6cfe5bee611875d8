"""Seeded bugs of Global Payouts, each a variant of one step of `global_payouts`."""

from __future__ import annotations

from itertools import count
from typing import Any

from paymentapp.models.batches import NO_ATTEMPT, Batch
from paymentapp.providers.stripe.global_orders import OutboundOrder
from paymentapp.providers.stripe.global_payouts import GlobalPayouts

_NUMBERS = count()


def fresh_key(order: OutboundOrder) -> str:
    """Return a key of its own for every attempt."""
    return f"{order.batch_id}-{next(_NUMBERS)}"


class ResendsLate(GlobalPayouts):
    """Sends an order again under a key that may be forgotten, where a list does not have it."""

    def _again(self, batch: Batch, order: OutboundOrder) -> Any:
        return self._send(batch, order, is_first=False)


class BelievesRefusals(GlobalPayouts):
    """Takes a refusal for the outcome, though an earlier call may still be carried out."""

    def _send(self, batch: Batch, order: OutboundOrder, *, is_first: bool) -> Any:
        return super()._send(batch.changed(open_attempt=NO_ATTEMPT), order, is_first=is_first)
