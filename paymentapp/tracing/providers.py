"""Providers whose calls are spans, and which get the traceparent of theirs (`providers.http`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from paymentapp.models.batches import Batch, Member
from paymentapp.providers.base import Outcome, Provider
from paymentapp.providers.updates import ItemReport
from paymentapp.tracing.base import BATCH, PROVIDER, RESULT, Attributes, Role, Tracing


def traced_providers(providers: Mapping[str, Provider], tracing: Tracing) -> Mapping[str, Provider]:
    """Return the providers themselves where traces are off, else ones whose calls are spans."""
    if not tracing.enabled:
        return providers
    return {
        name: cast(Provider, _TracedProvider(name, provider, tracing))
        for name, provider in providers.items()
    }


class _TracedProvider:
    """Passes each call on within a span. Everything else is the provider's own."""

    def __init__(self, name: str, provider: Provider, tracing: Tracing) -> None:
        self._name = name
        self._provider = provider
        self._tracing = tracing

    def __getattr__(self, name: str) -> Any:
        """Return what the provider declares under a name."""
        return getattr(self._provider, name)

    def submit(self, batch: Batch, members: Sequence[Member]) -> Outcome:
        """Send a batch."""
        about: Attributes = {
            PROVIDER: self._name,
            BATCH: batch.batch_id,
            "paymentapp.members": len(members),
        }
        name = f"{self._name} submit"
        with self._tracing.span(name, Role.CLIENT, about, batch.traceparent) as span:
            outcome = self._provider.submit(batch, members)
            span.set({RESULT: type(outcome).__name__})
            return outcome

    def fetch(self, batch: Batch) -> list[ItemReport]:
        """Fetch the report of each item of a batch."""
        about = {PROVIDER: self._name, BATCH: batch.batch_id}
        name = f"{self._name} fetch"
        with self._tracing.span(name, Role.CLIENT, about, batch.traceparent):
            return self._provider.fetch(batch)

    def cancel(self, provider_item_id: str) -> ItemReport:
        """Cancel an item."""
        with self._tracing.span(f"{self._name} cancel", Role.CLIENT, {PROVIDER: self._name}):
            return self._provider.cancel(provider_item_id)
