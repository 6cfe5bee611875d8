"""Amazon Cognito on the AWS emulator: people who sign in, and the keys that verify their tokens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from paymentapp.clock import utc_now
from paymentapp.oidc.fetch import fetch
from paymentapp.oidc.keys import IssuerKeys
from paymentapp.oidc.settings import OidcSettings
from paymentapp.oidc.tokens import AccessTokens
from paymentapp.variables import Variables

AWS = "https://cognito-idp.us-east-1.amazonaws.com"
PASSWORD = "Correct-horse-battery-1"


def sign_in(client: Any, pool_id: str, client_id: str, user: str) -> dict[str, str]:
    """Set a user's password, and return their tokens: `AccessToken`, `IdToken`, ..."""
    client.admin_set_user_password(
        UserPoolId=pool_id, Username=user, Password=PASSWORD, Permanent=True
    )
    answer = client.initiate_auth(
        ClientId=client_id,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": user, "PASSWORD": PASSWORD},
    )
    tokens: dict[str, str] = answer["AuthenticationResult"]
    return tokens


def accepting(environ: Mapping[str, str], address: str) -> AccessTokens:
    """Return what verifies tokens by these settings, with the emulator at AWS's address."""
    settings = Variables(environ).load(OidcSettings)
    keys = IssuerKeys(settings.issuer, _fetching_from(address))
    return AccessTokens(settings, keys, utc_now)


def _fetching_from(address: str) -> Callable[[str], bytes]:
    """Return what fetches a document of AWS from the emulator, with AWS's address in it."""

    def get(url: str) -> bytes:
        return fetch(f"{address}{urlsplit(url).path}").replace(address.encode(), AWS.encode())

    return get
