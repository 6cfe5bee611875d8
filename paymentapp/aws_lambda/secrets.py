"""The environment of a function: Lambda's defaults, and what a secret holds."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from paymentapp.errors import SettingsError
from paymentapp.providers.registry import DEFAULT, provider_class

# What differs from a server: one request at a time, a sweep a minute, and an end that is near.
DEFAULTS = {
    "PAYMENTAPP_STORE": "dynamodb",
    "PAYMENTAPP_THREADS": "2",
    "PAYMENTAPP_SENDERS": "1",
    "PAYMENTAPP_SWEEP_SECONDS": "60",
    "PAYMENTAPP_PROVIDER_TIMEOUT": "20",
}


def environ_with_secret(
    environ: Mapping[str, str], fetch: Callable[[str], str] | None = None
) -> dict[str, str]:
    """The variables, with Lambda's defaults for those not set, and with what the secret holds
    that the default provider's variable names: variables, and some by the provider's short names.

    Raises SettingsError where there is a secret that cannot be read.
    """
    given = {**DEFAULTS, **{name: value for name, value in environ.items() if value.strip()}}
    provider = provider_class(DEFAULT).settings_class
    arn = given.get(provider.arn_variable)
    if not arn:
        return given
    try:
        return given | _variables(json.loads((fetch or _fetch_secret)(arn)), provider.short_names)
    except Exception as error:  # its text may quote the secret
        short = " and ".join(f'"{name}"' for name in provider.short_names)
        raise SettingsError(
            f"{provider.arn_variable} must name a secret that this function may read, a JSON "
            f"object of texts: {short}, or variables by their names: {type(error).__name__}"
        ) from None


def _variables(secret: Any, short_names: Mapping[str, str]) -> dict[str, str]:
    known = {short_names.get(name, name): value for name, value in secret.items()}
    found = {name: value for name, value in known.items() if name.isupper()}
    if not found or not all(isinstance(value, str) and value for value in found.values()):
        raise ValueError("no variables, or not texts")
    if 0 < len(short_names.keys() & secret.keys()) < len(short_names):
        raise ValueError("half of what goes together")
    return found


def _fetch_secret(arn: str) -> str:
    import botocore.session
    from botocore.config import Config

    config = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 3})
    client: Any = botocore.session.get_session().create_client("secretsmanager", config=config)
    text: str = client.get_secret_value(SecretId=arn)["SecretString"]
    return text
