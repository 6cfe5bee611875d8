"""Puts metrics and traces around what a process uses, where they record.

Part of the composition root.
"""

from __future__ import annotations

from collections.abc import Mapping

from paymentapp.metrics.base import Metrics
from paymentapp.providers.base import Provider
from paymentapp.storage.base import Store
from paymentapp.tracing.base import Tracing


def observed_store(store: Store, metrics: Metrics, tracing: Tracing) -> Store:
    """Return the store, or one around it that records its calls."""
    if metrics.enabled:
        from paymentapp.metrics.store import measured_store

        store = measured_store(store, metrics)
    if tracing.enabled:
        from paymentapp.tracing.store import traced_store

        store = traced_store(store, tracing)
    return store


def observed_providers(
    providers: Mapping[str, Provider], metrics: Metrics, tracing: Tracing
) -> Mapping[str, Provider]:
    """Return the providers, or ones around them that record their calls."""
    if metrics.enabled:
        from paymentapp.metrics.providers import measured_providers

        providers = measured_providers(providers, metrics)
    if tracing.enabled:
        from paymentapp.tracing.providers import traced_providers

        providers = traced_providers(providers, tracing)
    return providers
