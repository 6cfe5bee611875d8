"""What a provider tells of a payment that has settled: when, at which cost, at which exchange."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from paymentapp.models.money import Money


class Exchange(NamedTuple):
    """A currency conversion: what it was converted from, to what, and the provider's rate."""

    source: Money
    target: Money
    rate: Decimal | None = None  # as the provider tells it, in whichever direction


class Settled(NamedTuple):
    """What a provider tells of a settled payment; None where it does not tell it."""

    at: datetime | None = None
    fee: Money | None = None
    exchange: Exchange | None = None
    line: int = 0  # of the payment's history, with which the last of it came; 0: none

    def merged(self, newer: Settled, line: int) -> Settled:
        """Return what is known after `newer` came with a line of the history.

        Times are kept to the second, as they are stored.
        """
        merged = Settled(
            newer.at.replace(microsecond=0) if newer.at else self.at,
            self.fee if newer.fee is None else newer.fee,
            newer.exchange or self.exchange,
        )
        return self if merged == self._replace(line=0) else merged._replace(line=line)


NOT_SETTLED = Settled()
