"""The ways to pay: a line each."""

from __future__ import annotations

from pkgutil import resolve_name

from paymentapp.providers.base import Kit, Provider

_DEFAULT = "paymentapp.providers.paypal:build"
_PROVIDERS = (
    _DEFAULT,
    "paymentapp.providers.stripe:build",
    "paymentapp.providers.ach:build",
)


def build_providers(kit: Kit) -> dict[str, Provider]:
    """Every provider by the name that a payment calls it (`payment_method`). Nothing is sent.

    A provider that none of the settings asks for is left out, and not even imported: a Lambda's
    cold start would wait for it. Raises SettingsError.
    """
    built = [resolve_name(line)(kit) for line in _PROVIDERS if _is_asked_for(line, kit)]
    return {provider.name: provider for provider in built if provider is not None}


def _is_asked_for(line: str, kit: Kit) -> bool:
    name = line.rpartition(".")[2].partition(":")[0]
    return line == _DEFAULT or kit.settings.variables.any(f"PAYMENTAPP_{name.upper()}_")
