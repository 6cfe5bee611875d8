"""The circuit breaker of one provider."""

from __future__ import annotations

from types import TracebackType

from circuitbreaker import CircuitBreaker

from paymentapp.clock import Clock
from paymentapp.errors import OutcomeUnknown, ProviderError
from paymentapp.services.dispatch.backoff import LONGEST_BACKOFF, backoff

# Seconds that a failure is shown after the provider may be called again. One that goes on failing
# has failed again by then, in this process or in the one that retries the batch.
SHOWN_AFTER = LONGEST_BACKOFF


class Breaker(CircuitBreaker):  # type: ignore[misc]
    """Opens at the first failure: the failed batch is retried, and only new batches wait.

    It stays open longer after each failure in a row, and at least for the provider's Retry-After;
    after that, a call that succeeds closes it. The library's class has one fixed duration and its
    own clock.
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
        """Return the seconds until new batches may be sent; negative after that."""
        return (self._until - self._clock()).total_seconds()

    @property
    def is_recent(self) -> bool:
        """Return whether the last call failed, not long ago."""
        return not self.closed and self.open_remaining > -SHOWN_AFTER

    @property
    def cause(self) -> str:
        """Return the last failure as text, without a secret."""
        error = known(self.last_failure)
        wait = f"no new batch for {self.open_remaining:.0f} s" if self.opened else "being retried"
        return f"{type(error).__name__}: {error.code} ({self.failure_count} in a row, {wait})"


def known(error: BaseException | None) -> ProviderError:
    """Return the error as a ProviderError; an error in our own code leaves the outcome unknown."""
    return error if isinstance(error, ProviderError) else OutcomeUnknown("INTERNAL")
