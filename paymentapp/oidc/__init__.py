"""OIDC: access tokens of an OpenID Connect issuer instead of API keys, and signing in there."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from paymentapp.clock import Clock
from paymentapp.errors import SettingsError
from paymentapp.oidc.settings import OidcSettings
from paymentapp.variables import Variables

if TYPE_CHECKING:
    from paymentapp.oidc.tokens import AccessTokens


def open_access_tokens(variables: Variables, clock: Clock) -> AccessTokens | None:
    """Return what verifies access tokens; None where no issuer is set.

    Nothing is fetched before the first token. Raises SettingsError.
    """
    settings = variables.load(OidcSettings)
    if not settings.issuer:
        return None
    if find_spec("joserfc") is None:
        raise SettingsError("PAYMENTAPP_OIDC_ISSUER needs a library: pip install paymentapp[oidc]")
    from paymentapp.oidc.keys import IssuerKeys
    from paymentapp.oidc.tokens import AccessTokens

    return AccessTokens(settings, IssuerKeys(settings.issuer), clock)


def sign_in_settings(variables: Variables) -> OidcSettings | None:
    """Return the settings for signing in to the console; None where no client is set.

    Raises SettingsError.
    """
    settings = variables.load(OidcSettings)
    if not settings.client_id:
        return None
    if find_spec("authlib") is None:
        raise SettingsError(
            "PAYMENTAPP_OIDC_CLIENT_ID needs a library: pip install paymentapp[oidc]"
        )
    return settings
