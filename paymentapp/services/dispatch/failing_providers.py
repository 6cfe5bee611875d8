"""Pauses: a provider that fails is left alone for a while, and the reason is known."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from paymentapp.clock import Clock

if TYPE_CHECKING:
    from paymentapp.services.dispatch.circuit_breaker import Breaker


class FailingProviders:
    """Which providers are failing, by the calls of this process alone."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._breakers: dict[str, Breaker] = {}

    def of(self, provider: str) -> Breaker:
        """The provider's breaker: `with` it, a call is made, and what becomes of it is counted.

        The library is loaded here: it takes time, and what only accepts payments calls nobody.
        """
        from paymentapp.services.dispatch.circuit_breaker import Breaker

        with self._lock:
            if provider not in self._breakers:
                self._breakers[provider] = Breaker(provider, self._clock)
            return self._breakers[provider]

    def holds(self, provider: str) -> bool:
        """Whether the provider should get no new batch now."""
        breaker = self._breakers.get(provider)
        return breaker is not None and bool(breaker.opened)

    def causes(self) -> dict[str, str]:
        """Failing providers and why."""
        with self._lock:
            failing = {name: each for name, each in self._breakers.items() if not each.closed}
        return {name: breaker.cause for name, breaker in failing.items()}
