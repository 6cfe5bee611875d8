"""Unique references: each is taken by one payment of its client, and kept as long as that one."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from paymentapp.errors import PaymentAppError
from paymentapp.models.duplicates import DuplicateFound
from paymentapp.models.payments import PaymentKey


class ReferenceClaim(NamedTuple):
    """A reference that a payment takes: no other payment may have it.

    `allowed` is the id of a payment of the same customer that hands it over to its retry.
    """

    digest: str  # of the client and the reference
    allowed: str | None = None

    def passes(self, holder: PaymentKey | None, key: PaymentKey) -> bool:
        """Return whether a payment may take the reference, by the payment that has it now."""
        if holder is None:
            return True
        own = holder.customer_id == key.customer_id
        return own and holder.payment_id in {key.payment_id, self.allowed}


class ReferenceTaken(DuplicateFound):
    """A store has another payment with the reference of the one to accept; nothing was written."""


class ReferenceUsed(PaymentAppError):
    """The client has used the reference for another payment; `key` is that one's."""

    def __init__(self, key: PaymentKey) -> None:
        super().__init__(
            "This client has used this reference for another payment. Send another reference, or "
            "retry that payment, if it was not paid."
        )
        self.key = key


def reference_claim(client: str, reference: str) -> ReferenceClaim:
    """Return the claim of a client's reference, of which neither can be read."""
    text = f"{client}\n{reference}"  # no reference has a line break
    return ReferenceClaim(hashlib.sha256(text.encode()).hexdigest()[:32])
