"""How often a process calls each provider: its share of what all processes may do together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from paymentapp.models.batches import Batch
from paymentapp.worker.concurrency import RateLimiter

BURST = 10  # calls of each kind to one provider after a quiet time, by all processes
SMALLEST_SHARE = 0.05  # of a process that sweeps no shard: it still sends and polls lone payments
# Of submissions and of polls: the early ones, of what a process has just accepted or sent, and the
# ones of its sweep. Each has its part, so that the many young ones do not keep the old waiting.
EARLY, SWEPT = 0.25, 0.75


class CalledProvider(Protocol):
    """What a provider declares about its calls."""

    name: str
    submits_per_second: int
    polls_per_second: float

    def poll_calls(self, batch: Batch) -> int:
        """Return how many calls a poll of a batch takes."""


class _Limiters(NamedTuple):
    early_submits: RateLimiter
    swept_submits: RateLimiter
    early_polls: RateLimiter
    swept_polls: RateLimiter


class CallLimits:
    """Limits of submissions and polls, so that neither uses up what a provider allows.

    A provider declares what all processes may do in a second. Nothing counts the processes: the
    part of each one is its share of the shards that are swept, whose leases are exclusive.
    """

    def __init__(self, providers: Iterable[CalledProvider]) -> None:
        self._providers = {provider.name: provider for provider in providers}
        self._limiters = {
            name: _Limiters(
                RateLimiter(provider.submits_per_second * EARLY, BURST),
                RateLimiter(provider.submits_per_second * SWEPT, BURST),
                RateLimiter(provider.polls_per_second * EARLY, BURST),
                RateLimiter(provider.polls_per_second * SWEPT, BURST),
            )
            for name, provider in self._providers.items()
        }
        self.set_share(0)  # until it is known

    def set_share(self, share: float) -> None:
        """Set which part of the shards this process sweeps, from 0 to 1."""
        for limiters in self._limiters.values():
            for limiter in limiters:
                limiter.share = max(share, SMALLEST_SHARE)

    def may_submit_early(self, provider: str) -> bool:
        """Return whether a batch that is not full may be sent before a sweep, and count it."""
        return self._limiters[provider].early_submits.take()

    def may_submit(self, provider: str) -> bool:
        """Return whether a batch of a sweep that is not full may be sent now, and count it."""
        return self._limiters[provider].swept_submits.take()

    def may_poll_early(self, batch: Batch) -> bool:
        """Return whether a batch may be polled before the sweep finds it, and count the poll."""
        limiters = self._limiters.get(batch.provider)
        return limiters is None or limiters.early_polls.take(self._calls(batch))

    def may_poll(self, batch: Batch) -> bool:
        """Return whether a batch that the sweep has found may be polled now, and count the poll."""
        limiters = self._limiters.get(batch.provider)
        return limiters is None or limiters.swept_polls.take(self._calls(batch))

    def _calls(self, batch: Batch) -> int:
        return self._providers[batch.provider].poll_calls(batch)
