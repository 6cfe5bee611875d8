"""The ways to pay: a line each."""

from __future__ import annotations

from pkgutil import resolve_name

from paymentapp.clock import Clock
from paymentapp.config import Settings
from paymentapp.providers.base import Provider

_PROVIDERS = ("paymentapp.providers.paypal:PayPal",)


def build_providers(settings: Settings, clock: Clock) -> dict[str, Provider]:
    """Every provider by the name that a payment calls it (`payment_method`). Nothing is sent."""
    providers: list[Provider] = [resolve_name(path)(settings, clock) for path in _PROVIDERS]
    return {provider.name: provider for provider in providers}
