"""Pauses: a circuit breaker for each provider, and why it is open."""

from __future__ import annotations

import threading
from datetime import timedelta
from types import TracebackType

from circuitbreaker import CircuitBreaker

from paymentapp.clock import Clock
from paymentapp.errors import OutcomeUnknown, ProviderError

SLOWEST_RETRY = 30  # seconds; an outage that ends is noticed well within a minute


class _Breaker(CircuitBreaker):  # type: ignore[misc]
    """Opens at the first failure: what fails is sent again by itself, only new work waits.

    It stays open longer after every failure in a row, and at least as long as the provider says;
    then one that succeeds closes it. The library's own has one length of time, by its own clock.
    """

    def __init__(self, name: str, clock: Clock) -> None:
        super().__init__(failure_threshold=1, name=name)
        self._clock = clock
        self._until = clock()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            known = error if isinstance(error, ProviderError) else OutcomeUnknown("INTERNAL")
            self._until = self._clock() + backoff(self.failure_count + 1, known)
        super().__exit__(kind, error, trace)

    @property
    def open_remaining(self) -> float:
        """Seconds."""
        return (self._until - self._clock()).total_seconds()


class Pauses:
    """Which providers are failing, by the calls of this process alone."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._breakers: dict[str, _Breaker] = {}

    def of(self, provider: str) -> CircuitBreaker:
        """The provider's breaker: `with` it, a call is made, and what becomes of it is counted."""
        with self._lock:
            if provider not in self._breakers:
                self._breakers[provider] = _Breaker(provider, self._clock)
            return self._breakers[provider]

    def holds(self, provider: str) -> bool:
        """Whether the provider should get no new batch now."""
        breaker = self._breakers.get(provider)
        return breaker is not None and bool(breaker.opened)

    def causes(self) -> dict[str, str]:
        """Failing providers and why, in words that give nothing away."""
        with self._lock:
            failing = {name: b for name, b in self._breakers.items() if not b.closed}
        return {name: _cause(breaker) for name, breaker in failing.items()}


def _cause(breaker: _Breaker) -> str:
    error = breaker.last_failure
    known = error if isinstance(error, ProviderError) else OutcomeUnknown("INTERNAL")
    wait = f"left alone for {breaker.open_remaining:.0f} s" if breaker.opened else "tried again"
    return f"{type(known).__name__}: {known.code} ({breaker.failure_count} in a row, {wait})"


def backoff(failures: int, error: ProviderError) -> timedelta:
    """How long to wait after so many failures; a provider's own Retry-After is kept to."""
    seconds = min(SLOWEST_RETRY, 2 ** min(failures - 1, 10))
    return timedelta(seconds=max(seconds, error.retry_after or 0))
