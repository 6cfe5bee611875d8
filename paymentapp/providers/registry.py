"""Registry of the payment providers, one line each."""

from __future__ import annotations

from collections.abc import Mapping
from pkgutil import resolve_name

from paymentapp.providers.base import Kit, Provider, ProviderClass
from paymentapp.variables import Variables

# Keys are the values of `payment_method`. The first is the default: it is always built, and pays
# where no request, customer or rule names another.
_PROVIDERS: Mapping[str, str] = {
    "paypal": "paymentapp.providers.paypal.provider:PayPal",
    "stripe": "paymentapp.providers.stripe.provider:Stripe",
    "ach": "paymentapp.providers.ach.provider:Ach",
    "openach": "paymentapp.providers.openach.provider:OpenAch",
}
NAMES = tuple(_PROVIDERS)
DEFAULT = NAMES[0]


def build_providers(kit: Kit) -> dict[str, Provider]:
    """Build every provider that the settings configure; send nothing. Raises SettingsError."""
    names = configured_names(kit.settings.variables)
    return {name: provider_class(name).build(kit) for name in names}


def configured_names(variables: Variables) -> list[str]:
    """Return the default provider's name, and each name of which a variable is set.

    Other providers are not even imported: that would slow down a Lambda's cold start.
    """
    return [
        name
        for name in _PROVIDERS
        if name == DEFAULT or variables.any(f"PAYMENTAPP_{name.upper()}_")
    ]


def check_settings(variables: Variables) -> None:
    """Check the settings of each configured provider. Raises SettingsError."""
    for name in configured_names(variables):
        variables.load(provider_class(name).settings_class)


def provider_class(name: str) -> ProviderClass:
    """Import and return a provider's class."""
    declared: ProviderClass = resolve_name(_PROVIDERS[name])
    return declared


def every_provider() -> dict[str, ProviderClass]:
    """Import and return all provider classes, whatever is configured."""
    return {name: provider_class(name) for name in _PROVIDERS}
