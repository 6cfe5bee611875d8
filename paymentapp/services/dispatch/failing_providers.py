"""Which providers are failing and why; a failing provider gets no new batches for a while.

One that lacks funds is not failing: it gets no batch that is as large as what it has refused.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from paymentapp.clock import Clock
from paymentapp.errors import Misconfigured
from paymentapp.services.dispatch.funds import Shortages

if TYPE_CHECKING:
    from paymentapp.services.dispatch.circuit_breaker import Breaker


class FailingProviders:
    """Which providers are failing, by the calls of this process alone: a breaker for each.

    A failure ends by a call that succeeds, and by time: another process may have sent the batch
    that failed here, and this process may not call the provider again for hours.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._breakers: dict[str, Breaker] = {}
        self.shortages = Shortages(clock)

    def of(self, provider: str) -> Breaker:
        """Return the provider's breaker, a context manager that counts the call made within it.

        The library is imported here: it takes time, and a process that only accepts payments
        needs none.
        """
        from paymentapp.services.dispatch.circuit_breaker import Breaker

        with self._lock:
            if provider not in self._breakers:
                self._breakers[provider] = Breaker(provider, self._clock)
            return self._breakers[provider]

    def is_open(self, provider: str) -> bool:
        """Return whether the provider's breaker is open: it should get no new batch now."""
        breaker = self._breakers.get(provider)
        return breaker is not None and bool(breaker.opened)

    def is_avoided(self, provider: str) -> bool:
        """Return whether a payment should go by another provider, if it can."""
        return self.is_open(provider) or self.shortages.known(provider)

    def answered(self, provider: str) -> None:
        """Record that a call succeeded that moves no money, which ends an outage.

        It does not end `Misconfigured`: an account without funds, or without a permission, still
        answers polls.
        """
        with self._lock:
            breaker = self._breakers.get(provider)
        if breaker is not None and not isinstance(breaker.last_failure, Misconfigured):
            breaker.reset()

    def causes(self) -> dict[str, str]:
        """Return the failing providers, each with its last error, and those that lack funds."""
        with self._lock:
            failing = {name: each for name, each in self._breakers.items() if each.is_recent}
        found = {name: breaker.cause for name, breaker in failing.items()}
        return self.shortages.causes() | found
