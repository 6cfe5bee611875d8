"""Records of payouts, and the ids that are issued."""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass
from typing import Any

from simulators.paypal.outcomes import ItemOutcome


@dataclass(frozen=True)
class PayPalItemRequest:
    """One item of a valid request; ``minor`` and ``fee_minor`` are in the smallest unit."""

    sender_item_id: str | None
    recipient_type: str
    receiver: str
    value: str
    minor: int
    fee_minor: int
    note: str | None
    wallet: str
    purpose: str | None
    language: str | None
    outcome: ItemOutcome


@dataclass(frozen=True)
class PayPalBatchRequest:
    """A valid request; ``header`` is the sender_batch_header as received, without its id."""

    sender_batch_id: str | None
    header: dict[str, Any]
    currency: str
    items: tuple[PayPalItemRequest, ...]


@dataclass(frozen=True)
class PayPalBatch:
    """An accepted batch; times are microseconds since 1970."""

    payout_batch_id: str
    sender_batch_id: str | None
    header: dict[str, Any]
    currency: str
    total_minor: int
    fees_minor: int
    item_count: int
    denied: bool
    created_at: int
    processing_at: int
    settle_at: int

    def status(self, now: int) -> str:
        """Return PENDING, then PROCESSING, then SUCCESS, or DENIED where every item failed."""
        if now < self.processing_at:
            return "PENDING"
        if now < self.settle_at:
            return "PROCESSING"
        return "DENIED" if self.denied else "SUCCESS"


@dataclass(frozen=True)
class PayPalItem:
    """An item in its state at the time of reading."""

    seq: int
    payout_item_id: str
    payout_batch_id: str
    sender_batch_id: str | None
    sender_item_id: str | None
    recipient_type: str
    receiver: str
    currency: str
    value: str
    fee_minor: int
    note: str | None
    wallet: str
    purpose: str | None
    language: str | None
    error: str | None
    transaction_id: str
    activity_id: str
    created_at: int
    settle_at: int
    later_at: int | None
    cancelled_at: int | None
    status: str

    def processed_at(self, now: int) -> int:
        """Return when the item last changed; meaningful only once it has settled."""
        if self.cancelled_at is not None:
            return self.cancelled_at
        if self.later_at is not None and now >= self.later_at:
            return self.later_at
        return self.settle_at


@dataclass(frozen=True)
class TransactionQuery:
    """Filters of a transaction search; times are microseconds since 1970, None matches any.

    ``shown`` is the time up to which the search index is filled; ``statuses`` are names separated
    by spaces.
    """

    start: int
    end: int
    shown: int
    currency: str | None
    transaction_id: str | None
    statuses: str | None


def new_id(length: int = 13) -> str:
    """Return a random id in PayPal's format: capital letters and digits."""
    return base64.b32encode(os.urandom(length * 5 // 8 + 1))[:length].decode()
