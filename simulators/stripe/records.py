"""Records of moved money, and the ids that are issued."""

from __future__ import annotations

import hashlib
import json
import secrets
import string
from dataclasses import dataclass
from typing import Any

_ALPHABET = string.ascii_letters + string.digits
NEVER = 2**62  # a time that is never reached


@dataclass(frozen=True)
class StripeMove:
    """A transfer, a reversal or a payout, in its state at the time of reading.

    ``amount`` is in the API's smallest unit and ``currency`` in capitals; times are microseconds
    since 1970. ``account`` owns it: the platform, or the connected account of a payout.
    ``destination`` is the connected account of a transfer and of its reversals, and the bank
    account of a payout.
    """

    seq: int
    id: str
    kind: str  # transfer, reversal, payout
    account: str
    destination: str
    transfer: str | None  # what a reversal reverses
    amount: int
    currency: str
    transfer_group: str | None
    description: str | None
    metadata: dict[str, str]
    method: str | None
    statement_descriptor: str | None
    idempotency_key: str | None
    created_at: int
    transit_at: int | None
    settle_at: int | None
    failed_at: int | None
    failure_code: str | None
    canceled_at: int | None
    arrival_at: int | None
    source_type: str | None  # funds of a transfer or payout; None where the call names none
    status: str
    amount_reversed: int


COLUMNS = (
    *("id", "kind", "account", "destination", "transfer", "amount", "currency", "transfer_group"),
    *("description", "metadata", "method", "statement_descriptor", "idempotency_key"),
    *("created_at", "transit_at", "settle_at", "failed_at", "failure_code", "canceled_at"),
    *("arrival_at", "source_type"),
)


def move_from(row: tuple[Any, ...]) -> StripeMove:
    """Build a move from a row of ``seq``, ``COLUMNS``, ``status`` and ``amount_reversed``."""
    names = ("seq", *COLUMNS, "status", "amount_reversed")
    stored = dict(zip(names, row, strict=True))
    return StripeMove(**stored | {"metadata": json.loads(stored["metadata"])})


def new_id(prefix: str, length: int = 24) -> str:
    """Return a random id in Stripe's format: ``tr_`` followed by letters and digits."""
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(length))


def derived_id(prefix: str, of: str) -> str:
    """Return the id of something that belongs to ``of``; always the same one."""
    return prefix + hashlib.sha256(f"{prefix}{of}".encode()).hexdigest()[:24]


def seconds(moment: int) -> int:
    """Convert a time to Stripe's format, seconds since 1970."""
    return moment // 1_000_000
