"""Balances of the accounts at providers, what is to be paid from them, and shortages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from paymentapp.clock import maybe_text, maybe_time
from paymentapp.models.events import Event, OtherEvent
from paymentapp.models.money import Money

AccountKey = tuple[str, str]  # a provider's name and a currency


class ProviderBalance(NamedTuple):
    """What a provider says can be paid from an account, and as of when it says so."""

    available: Money
    as_of: datetime


class AccountBalance(NamedTuple):
    """An account in one currency: what is there, and what is to be paid from it.

    `available` and `as_of` are None where the provider does not tell them. `pending` is the sum of
    what is due, and of what was sent and is not settled; it is at least that much where
    `pending_complete` is false.
    """

    payment_method: str
    currency: str
    available: Decimal | None
    as_of: datetime | None
    pending: Decimal
    pending_complete: bool
    pending_as_of: datetime

    @property
    def key(self) -> AccountKey:
        """Return the account's provider and currency."""
        return self.payment_method, self.currency


class FundsNotice(NamedTuple):
    """What an event says of an account: `needed` is to leave within a day.

    `available` is None where the provider tells no balance, and has refused a batch for lack of
    funds.
    """

    payment_method: str
    currency: str
    needed: Decimal
    available: Decimal | None
    as_of: datetime | None

    @classmethod
    def of(cls, subject: Sequence[str]) -> FundsNotice:
        """Return what the subject of an event says."""
        method, currency, needed, available, as_of = subject
        there = Decimal(available) if available else None
        return cls(method, currency, Decimal(needed), there, maybe_time(as_of))

    def event(self, kind: OtherEvent, at: datetime) -> Event:
        """Return the event that says so."""
        available = "" if self.available is None else f"{self.available:f}"
        told = f"{self.needed:f}", available, maybe_text(self.as_of) or ""
        return Event(kind, at, (self.payment_method, self.currency, *told))
