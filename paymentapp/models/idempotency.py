"""Idempotency records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

KEY_RETENTION = timedelta(days=35)


@dataclass(frozen=True, slots=True)
class IdempotencyRecord:
    """An Idempotency-Key that was used: the payment that it made, and from which body."""

    key_hash: str
    fingerprint: str  # of the body; another body under the same key is refused
    customer_id: str
    payment_id: str
    expires_at: datetime
    revision: str
    # Whether the body named a payment method. None: written by 0.2 or earlier, which kept no such.
    names_method: bool | None = None

    @property
    def claimed_at(self) -> datetime:
        """When a request bound the key to a payment."""
        return self.expires_at - KEY_RETENTION
