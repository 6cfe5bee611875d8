"""The ways to pay: a line each."""

from __future__ import annotations

from pkgutil import resolve_name

from paymentapp.providers.base import Kit, Provider

_PROVIDERS = ("paymentapp.providers.paypal:build",)


def build_providers(kit: Kit) -> dict[str, Provider]:
    """Every provider by the name that a payment calls it (`payment_method`). Nothing is sent.

    A provider that none of the settings asks for is left out. Raises SettingsError.
    """
    built = [resolve_name(path)(kit) for path in _PROVIDERS]
    return {provider.name: provider for provider in built if provider is not None}
