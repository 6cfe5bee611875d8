"""Possible duplicates: payments of the same amount, by the same client, to the same customer."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import NamedTuple

from paymentapp.clock import to_text
from paymentapp.errors import PaymentAppError
from paymentapp.models.money import Money
from paymentapp.models.payments import PaymentKey

_KEPT = timedelta(days=2)  # longer than it is looked at: the clocks of two processes differ


class DuplicateCheck(NamedTuple):
    """Accept a payment only if no other one like it is on record since a payment id.

    `likeness` is what two such payments have in common. `allowed` is the id of an earlier one
    that is no obstacle. `since` is None where none is.
    """

    likeness: str
    since: str | None
    expires_at: datetime
    allowed: str | None = None

    def passes(self, latest: str, payment_id: str) -> bool:
        """Return whether a payment may be accepted, by the id of the latest one like it."""
        return self.since is None or latest < self.since or latest in {self.allowed, payment_id}


class DuplicateFound(PaymentAppError):
    """A store has another payment that is like the one to accept; nothing was written."""

    def __init__(self, key: PaymentKey) -> None:
        super().__init__("there is another payment like this")
        self.key = key


class PossibleDuplicate(PaymentAppError):
    """The client has requested a payment like this lately; `key` is the earlier one's."""

    def __init__(self, key: PaymentKey) -> None:
        super().__init__(
            "This client has lately requested a payment of this amount to this customer. Send "
            "allow_duplicate, if it is meant to be paid once more."
        )
        self.key = key


def duplicate_check(
    client: str, customer_id: str, money: Money, now: datetime, hours: int, *, ignore: bool
) -> DuplicateCheck:
    """Return the check of a payment that is requested now; with `ignore` it always passes."""
    within = timedelta(hours=hours)
    text = "\n".join((client, customer_id, str(money)))
    likeness = hashlib.sha256(text.encode()).hexdigest()[:32]
    since = None if ignore else to_text(now - within)
    return DuplicateCheck(likeness, since, now + within + _KEPT)
