"""Balance of the platform's account, checked before a transfer is requested.

Stripe stores `balance_insufficient` under our idempotency key for a day, and replays it after the
account was funded. So a transfer that the balance does not cover is not requested; only one that
loses a race to others' payments is refused, and waits until Stripe has forgotten its key.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from paymentapp.clock import Clock
from paymentapp.models.balances import ProviderBalance
from paymentapp.models.money import Money
from paymentapp.providers.stripe.answers import read_money, smallest_units

_FRESH = timedelta(seconds=5)  # how long a reading is used, less what was reserved since


class StripeBalances:
    """What payments draw from, read whenever it is asked for.

    That is the balance for transfers, and the financial account for recipients, where there is
    one: together, in each currency.
    """

    def __init__(
        self,
        ask: Callable[[], Mapping[str, int]],
        clock: Clock,
        others: Callable[[], Sequence[Money]] | None = None,
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._others = others

    def read(self) -> Sequence[ProviderBalance]:
        """Return the balance in each currency, as of the time before the call."""
        as_of = self._clock()
        found = [read_money(units, code) for code, units in self._ask().items()]
        sums: dict[str, Decimal] = {}
        for money in [*found, *(self._others() if self._others else ())]:
            if money is not None:
                sums[money.currency] = sums.get(money.currency, Decimal(0)) + money.amount
        return [ProviderBalance(Money(amount, code), as_of) for code, amount in sums.items()]


class Funds:
    """The balance as last read. Any number of threads may share it."""

    def __init__(self, ask: Callable[[], Mapping[str, int]], clock: Clock) -> None:
        self._ask = ask
        self._clock = clock
        self._lock = threading.Lock()
        self._balance: dict[str, int] = {}
        self._read_at: datetime | None = None

    def cover(self, money: Money) -> bool:
        """Return whether the balance covers an amount, and reserve it.

        Raises what reading the balance raises.
        """
        if self._reserve(money):
            return True
        balance = self._ask()
        with self._lock:
            self._balance, self._read_at = dict(balance), self._clock()
        return self._reserve(money)

    def _reserve(self, money: Money) -> bool:
        amount = smallest_units(money)
        with self._lock:
            fresh = self._read_at is not None and self._clock() - self._read_at < _FRESH
            if not fresh or self._balance.get(money.currency, 0) < amount:
                return False
            self._balance[money.currency] -= amount
            return True
