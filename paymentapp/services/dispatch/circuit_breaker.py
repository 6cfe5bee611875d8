"""The circuit breaker of one provider."""

from __future__ import annotations

from types import TracebackType

from circuitbreaker import CircuitBreaker

from paymentapp.clock import Clock
from paymentapp.errors import OutcomeUnknown, ProviderError
from paymentapp.services.dispatch.backoff import backoff


class Breaker(CircuitBreaker):  # type: ignore[misc]
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
            self._until = self._clock() + backoff(self.failure_count + 1, known(error))
        super().__exit__(kind, error, trace)

    @property
    def open_remaining(self) -> float:
        """Seconds."""
        return (self._until - self._clock()).total_seconds()

    @property
    def cause(self) -> str:
        """The last failure, in words that give nothing away."""
        error = known(self.last_failure)
        wait = f"left alone for {self.open_remaining:.0f} s" if self.opened else "tried again"
        return f"{type(error).__name__}: {error.code} ({self.failure_count} in a row, {wait})"


def known(error: BaseException | None) -> ProviderError:
    """The error as one of a provider's; a fault of our own leaves the outcome unknown."""
    return error if isinstance(error, ProviderError) else OutcomeUnknown("INTERNAL")
