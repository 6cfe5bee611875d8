"""The ways to pay: a line each."""

from __future__ import annotations

from collections.abc import Mapping
from pkgutil import resolve_name

from paymentapp.providers.base import Kit, Provider, ProviderClass
from paymentapp.variables import Variables

# By the name that a payment calls it (`payment_method`). The first is the default: it is always
# built, and pays whom neither a request nor a customer nor a rule pays by another.
_PROVIDERS: Mapping[str, str] = {
    "paypal": "paymentapp.providers.paypal.provider:PayPal",
    "stripe": "paymentapp.providers.stripe.provider:Stripe",
    "ach": "paymentapp.providers.ach.provider:Ach",
}
NAMES = tuple(_PROVIDERS)
DEFAULT = NAMES[0]


def build_providers(kit: Kit) -> dict[str, Provider]:
    """Build every provider that the settings ask for. Nothing is sent. Raises SettingsError."""
    asked = asked_for(kit.settings.variables)
    return {name: provider_class(name).build(kit) for name in asked}


def asked_for(variables: Variables) -> list[str]:
    """Name the default provider, and each of which a variable is set.

    Another is not even imported: a Lambda's cold start would wait for it.
    """
    return [
        name
        for name in _PROVIDERS
        if name == DEFAULT or variables.any(f"PAYMENTAPP_{name.upper()}_")
    ]


def check_settings(variables: Variables) -> None:
    """Raise SettingsError where the settings of a provider that is asked for are wrong."""
    for name in asked_for(variables):
        variables.load(provider_class(name).settings_class)


def provider_class(name: str) -> ProviderClass:
    """Import what a provider declares, and how it is built."""
    declared: ProviderClass = resolve_name(_PROVIDERS[name])
    return declared


def every_provider() -> dict[str, ProviderClass]:
    """Import all of them, whatever is set."""
    return {name: provider_class(name) for name in _PROVIDERS}
