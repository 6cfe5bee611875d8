"""Lack of funds: which amounts are not tried for a while, because no more was refused."""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from paymentapp.clock import Clock
from paymentapp.errors import InsufficientFunds
from paymentapp.models.batches import Batch, Member
from paymentapp.models.money import Money
from paymentapp.models.payments import Payment, Status
from paymentapp.providers.base import Outcome, Provider
from paymentapp.services.dispatch.backoff import LONGEST_BACKOFF

# How long a refusal counts. What was refused is retried twice within it, so that one retry tells
# for everything that is larger.
_COUNTS_FOR = timedelta(seconds=2 * LONGEST_BACKOFF)


class _Shortage(NamedTuple):
    amount: Decimal  # the least that was refused
    at: datetime
    code: str  # the provider's


class Shortages:
    """What providers have refused for lack of funds, by the calls of this process alone.

    An amount that a provider's account did not cover is not tried in another batch, nor is a larger
    one; smaller ones go on. Other currencies, and other providers, are not concerned.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._found: dict[tuple[str, str], _Shortage] = {}

    def refused(self, provider: str, total: Money, code: str) -> None:
        """Record that the account did not cover a total; of several, the least one counts."""
        least = self.least(provider, total.currency)
        if least is None or total.amount <= least:
            with self._lock:
                found = _Shortage(total.amount, self._clock(), code)
                self._found[provider, total.currency] = found

    def paid(self, provider: str, total: Money) -> None:
        """Record that a total was accepted, which ends a shortage of no more than that."""
        with self._lock:
            found = self._found.get((provider, total.currency))
            if found is not None and total.amount >= found.amount:
                del self._found[provider, total.currency]

    def least(self, provider: str, currency: str) -> Decimal | None:
        """Return the least total that was refused lately; None where none was."""
        found = self._found.get((provider, currency))
        return found.amount if found is not None and self._counts(found) else None

    def known(self, provider: str) -> bool:
        """Return whether the provider has lately refused something for lack of funds."""
        return provider in self.causes()

    def exceeded(self, provider: str, total: Money) -> bool:
        """Return whether less than a total was refused lately."""
        least = self.least(provider, total.currency)
        return least is not None and total.amount > least

    def free(self, payments: Sequence[Payment]) -> Sequence[Payment]:
        """Return the payments without the pending ones for which there are no funds.

        Those are as large as what was refused lately, or larger.
        """
        if not self._found:
            return payments
        return [
            each for each in payments if each.status is not Status.PENDING or self._may_cover(each)
        ]

    def payable(self, payments: Sequence[Payment]) -> Sequence[Payment]:
        """Return those of a group that may be sent as one batch now: all, without a shortage.

        Otherwise the smallest ones, up to half of what was refused, or one that is less than it: so
        a few batches find out what the funds cover.
        """
        first = payments[0]
        least = self.least(first.payment_method, first.money.currency)
        if least is None:
            return payments
        chosen: list[Payment] = []
        total = Decimal(0)
        for payment in sorted(payments, key=lambda each: each.money.amount):
            total += payment.money.amount
            if total >= least or (chosen and total > least / 2):
                break
            chosen.append(payment)
        return chosen

    def causes(self) -> dict[str, str]:
        """Return the providers that have lately refused something, each with what and why."""
        with self._lock:
            found = dict(self._found)
        return {
            provider: f"InsufficientFunds: {each.code} ({each.amount} {currency} and more)"
            for (provider, currency), each in found.items()
            if self._counts(each)
        }

    def _may_cover(self, payment: Payment) -> bool:
        least = self.least(payment.payment_method, payment.money.currency)
        return least is None or payment.money.amount < least

    def _counts(self, shortage: _Shortage) -> bool:
        return self._clock() - shortage.at < _COUNTS_FOR


def submitted(
    provider: Provider, batch: Batch, members: Sequence[Member]
) -> Outcome | InsufficientFunds:
    """Submit a batch. A lack of funds is a value here, because the provider itself works.

    Raises the provider's other errors.
    """
    try:
        return provider.submit(batch, members)
    except InsufficientFunds as error:
        return error


def total_of(members: Sequence[Member]) -> Money:
    """Return the sum of the amounts of a batch's members."""
    amounts = [member.money.amount for member in members]
    return Money(sum(amounts, Decimal(0)), members[0].money.currency)


def largest_half(members: Sequence[Member], excluded: Collection[int]) -> set[int]:
    """Return the positions of the largest members, which make up half of their total.

    They go alone from then on, so that the others do not wait with them. It is at least one, and
    not all of several. `excluded` are the positions that do not count.
    """
    positions = [n for n in range(len(members)) if n not in excluded]
    positions.sort(key=lambda n: members[n].money.amount, reverse=True)
    half = total_of([members[n] for n in positions]).amount / 2
    found: set[int] = set()
    total = Decimal(0)
    for position in positions:
        if total >= half:
            break
        found.add(position)
        total += members[position].money.amount
    return found
