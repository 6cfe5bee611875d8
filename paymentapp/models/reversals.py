"""Reversals: taking back what was paid by mistake, by an operator's order."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple


class ReversalReason(StrEnum):
    """Why a payment was a mistake. For other reasons nothing may be taken back."""

    DUPLICATE = "duplicate"  # it was paid before
    WRONG_RECIPIENT = "wrong-recipient"
    WRONG_AMOUNT = "wrong-amount"
    WRONG_DATE = "wrong-date"  # it was paid later than it was to be
    PAID_OTHERWISE = "paid-otherwise"  # wages at the end of an employment, paid by check as well


class ReversalOrder(NamedTuple):
    """An operator's order to take payments back."""

    reason: ReversalReason
    person: str  # the operator's name
    note: str  # why, in the operator's words


class ReversalStep(StrEnum):
    """How far a reversal is."""

    MADE = "made"  # the provider does not have it yet
    DOUBTFUL = "doubtful"  # it cannot be determined whether the provider has it
    SENT = "sent"  # what it takes back counts once it can no longer be returned in time
    SETTLED = "settled"


class Reversal(NamedTuple):
    """An order that was carried out, or begun: the payments that it takes back."""

    reversal_id: str
    batch_id: str
    order: ReversalOrder
    ordered_at: datetime
    item_ids: tuple[str, ...]
    step: ReversalStep
    effective: date | None  # when it is to settle; recipients are to know of it by then
    returned: tuple[str, ...] = ()  # the provider's codes, of debits that came back
