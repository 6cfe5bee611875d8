"""Pauses: a provider that keeps failing is left alone for a moment, and the reason is known."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

from paymentapp.clock import Clock
from paymentapp.errors import ProviderError

SLOWEST_RETRY = 30  # seconds; an outage that ends is noticed well within a minute


@dataclass(frozen=True, slots=True)
class _Trouble:
    failures: int
    until: datetime
    cause: str


class Pauses:
    """Which providers are failing, by the calls of this process alone."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._troubles: dict[str, _Trouble] = {}

    def failed(self, provider: str, error: ProviderError) -> None:
        """Leave the provider alone: longer after every failure in a row."""
        with self._lock:
            trouble = self._troubles.get(provider)
            failures = trouble.failures + 1 if trouble else 1
            until = self._clock() + backoff(failures, error)
            cause = f"{type(error).__name__}: {error.code}"
            self._troubles[provider] = _Trouble(failures, until, cause)

    def cleared(self, provider: str) -> None:
        """The provider has answered."""
        if provider in self._troubles:
            with self._lock:
                self._troubles.pop(provider, None)

    def holds(self, provider: str) -> bool:
        """Whether the provider should get no new batch now."""
        trouble = self._troubles.get(provider)
        return trouble is not None and self._clock() < trouble.until

    def causes(self) -> dict[str, str]:
        """Failing providers and why, in words that give nothing away."""
        with self._lock:
            return {name: trouble.cause for name, trouble in self._troubles.items()}


def backoff(failures: int, error: ProviderError) -> timedelta:
    """How long to wait after so many failures; a provider's own Retry-After is kept to."""
    seconds = min(SLOWEST_RETRY, 2 ** min(failures - 1, 10))
    return timedelta(seconds=max(seconds, error.retry_after or 0))
