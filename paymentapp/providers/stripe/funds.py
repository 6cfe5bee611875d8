"""What the platform's account has: looked at before a transfer is asked for.

Stripe keeps `balance_insufficient` under our key for a day, and says it again after the account
was filled. So what the account cannot bear is not asked for; only what loses a race to others'
payments comes to be refused, and waits for its key to be forgotten.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from paymentapp.clock import Clock
from paymentapp.models.money import Money
from paymentapp.providers.stripe.answers import smallest_units

_FRESH = timedelta(seconds=5)  # how long a look is believed, less what was taken since


class Funds:
    """The balance as it was last seen. Any number of threads may share it."""

    def __init__(self, ask: Callable[[], Mapping[str, int]], clock: Clock) -> None:
        self._ask = ask
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: dict[str, int] = {}
        self._seen_at: datetime | None = None

    def cover(self, money: Money) -> bool:
        """Whether the account has so much; it is then taken off what is known. Raises what the
        look raises."""
        if self._take(money):
            return True
        seen = self._ask()
        with self._lock:
            self._seen, self._seen_at = dict(seen), self._clock()
        return self._take(money)

    def _take(self, money: Money) -> bool:
        amount = smallest_units(money)
        with self._lock:
            fresh = self._seen_at is not None and self._clock() - self._seen_at < _FRESH
            if not fresh or self._seen.get(money.currency, 0) < amount:
                return False
            self._seen[money.currency] -= amount
            return True
