"""Providers whose calls are measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar, cast

from paymentapp.errors import (
    InsufficientFunds,
    Misconfigured,
    NotPermitted,
    NotSent,
    OutcomeUnknown,
)
from paymentapp.metrics.base import Metrics
from paymentapp.models.balances import ProviderBalance
from paymentapp.models.batches import Batch, Member
from paymentapp.providers.base import (
    Accepted,
    BalanceSource,
    NeedsReview,
    Outcome,
    Postponed,
    Provider,
    Refused,
    Withdrawn,
)
from paymentapp.providers.updates import Delivery, ItemReport, Mailbox

T = TypeVar("T")
DONE = "ok"
# What a call that sends a batch came to, and the errors of any call, most special first.
_OUTCOMES: Mapping[type[object], str] = {
    Accepted: "accepted",
    Refused: "refused",
    NeedsReview: "needs_review",
    Postponed: "postponed",
    Withdrawn: "withdrawn",
}
_ERRORS: Mapping[type[Exception], str] = {
    InsufficientFunds: "no_funds",
    NotPermitted: "not_permitted",
    Misconfigured: "misconfigured",
    OutcomeUnknown: "unknown",
    NotSent: "not_sent",
    Exception: "internal_error",
}


def measured_providers(
    providers: Mapping[str, Provider], metrics: Metrics
) -> Mapping[str, Provider]:
    """Return the providers themselves where metrics are off, else ones that record each call."""
    if not metrics.enabled:
        return providers
    return {
        name: cast(Provider, _MeasuredProvider(name, provider, metrics))
        for name, provider in providers.items()
    }


class _MeasuredProvider:
    """Passes each call on, and records what came of it. Everything else is the provider's own."""

    def __init__(self, name: str, provider: Provider, metrics: Metrics) -> None:
        self._name = name
        self._provider = provider
        self._metrics = metrics
        mailbox, balances = provider.mailbox, provider.balances
        self.mailbox = _MeasuredMailbox(mailbox, self._call) if mailbox else None
        self.balances = _MeasuredBalances(balances, self._call) if balances else None

    def __getattr__(self, name: str) -> Any:
        """Return what the provider declares under a name."""
        return getattr(self._provider, name)

    def submit(self, batch: Batch, members: Sequence[Member]) -> Outcome:
        """Send a batch."""
        return self._call("submit", lambda: self._provider.submit(batch, members))

    def fetch(self, batch: Batch) -> list[ItemReport]:
        """Fetch the report of each item of a batch."""
        return self._call("fetch", lambda: self._provider.fetch(batch))

    def cancel(self, provider_item_id: str) -> ItemReport:
        """Cancel an item."""
        return self._call("cancel", lambda: self._provider.cancel(provider_item_id))

    def check(self) -> None:
        """Check the credentials."""
        self._call("check", self._provider.check)

    def _call(self, operation: str, call: Callable[[], T]) -> T:
        begun_at = time.perf_counter()
        answer = DONE
        try:
            result = call()
            answer = _OUTCOMES.get(type(result), DONE)
            return result
        except Exception as error:
            answer = next(text for kind, text in _ERRORS.items() if isinstance(error, kind))
            raise
        finally:
            seconds = time.perf_counter() - begun_at
            self._metrics.provider_called(self._name, operation, answer, seconds)


class _MeasuredBalances:
    """Reads balances by a measured call."""

    def __init__(self, source: BalanceSource, call: Callable[..., Any]) -> None:
        self._source = source
        self._call = call

    def read(self) -> Sequence[ProviderBalance]:
        """Return what can be paid in each currency."""
        found: Sequence[ProviderBalance] = self._call("balances", self._source.read)
        return found


class _MeasuredMailbox:
    """Fetches deliveries, each by a measured call; the last call finds none."""

    def __init__(self, mailbox: Mailbox, call: Callable[..., Any]) -> None:
        self._mailbox = mailbox
        self._call = call

    def __getattr__(self, name: str) -> Any:
        """Return what the mailbox has under a name."""
        return getattr(self._mailbox, name)

    def collect(self) -> Iterator[Delivery]:
        """Yield everything that has not been put away."""
        deliveries = iter(self._mailbox.collect())
        fetch = partial(next, deliveries, None)
        while (delivery := self._call("collect", fetch)) is not None:
            yield delivery
