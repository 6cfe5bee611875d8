"""Idempotency records."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from paymentapp.models.revisions import new_revision

KEY_RETENTION = timedelta(days=35)


@dataclass(frozen=True, slots=True)
class IdempotencyRecord:
    """An Idempotency-Key that was used: the payment that it made, and from which body."""

    key_hash: str  # of the client and the key; of the key alone in records of earlier versions
    fingerprint: str  # of the body; another body under the same key is refused
    customer_id: str
    payment_id: str
    expires_at: datetime
    revision: str
    # Whether the body named a payment method. None: written by 0.2 or earlier, which kept no such.
    names_method: bool | None = None
    # Why no payment is made under the key, for good. None: one is, or will be.
    refusal: str | None = None

    @property
    def claimed_at(self) -> datetime:
        """When a request bound the key to a payment."""
        return self.expires_at - KEY_RETENTION

    @property
    def request_id(self) -> str:
        """Return the `request_id` of the payment that was accepted under the key."""
        return self.key_hash[:32]

    def moved(self, payment_id: str) -> IdempotencyRecord:
        """Return the next version of the record, which binds the key to another payment id."""
        return replace(self, payment_id=payment_id, revision=new_revision())


def key_hash(idempotency_key: str, client: str) -> str:
    """Return the hash of a client's key.

    No key in a request has a line break, so no two pairs of client and key have the same hash. A
    key that ends with a line break and a number is that of a row of a bulk run (`bulk.row_key`):
    the number stays in its hash, behind 80 bits that tell runs apart, so that an engine with sorted
    keys stores neighbours beside each other.
    """
    group, _, number = idempotency_key.rpartition("\n")
    digest = hashlib.sha256(f"{client}\n{group or number}".encode()).hexdigest()
    return f"{digest[:20]}{int(number):012x}{digest[20:52]}" if group else digest


def key_hashes(idempotency_key: str, client: str) -> tuple[str, str]:
    """Return the hash of a client's key, and that of the key alone, as earlier versions had it."""
    unscoped = hashlib.sha256(idempotency_key.encode()).hexdigest()
    return key_hash(idempotency_key, client), unscoped
