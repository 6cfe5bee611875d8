"""The environment variables of a function: Lambda's defaults, and those from a secret."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from paymentapp.errors import SettingsError
from paymentapp.providers.registry import DEFAULT, provider_class

# Other than on a server: one request at a time, one sweep per minute, a short time-out.
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
    """Return the variables, with Lambda's defaults and with those that the secret contains.

    A variable of the default provider names the secret, which holds variables by their names or by
    the provider's short names. Raises SettingsError if the secret cannot be read.
    """
    given = {**DEFAULTS, **{name: value for name, value in environ.items() if value.strip()}}
    provider = provider_class(DEFAULT).settings_class
    arn = given.get(provider.arn_variable)
    if not arn:
        return given
    try:
        return given | _variables(json.loads((fetch or _fetch_secret)(arn)), provider.short_names)
    except Exception as error:  # its text may contain the secret, so only its type is shown
        short = " and ".join(f'"{name}"' for name in provider.short_names)
        raise SettingsError(
            f"{provider.arn_variable} must name a secret that this function may read: a JSON "
            f"object of strings, {short} or variables by their names: {type(error).__name__}"
        ) from None


def _variables(secret: Any, short_names: Mapping[str, str]) -> dict[str, str]:
    known = {short_names.get(name, name): value for name, value in secret.items()}
    found = {name: value for name, value in known.items() if name.isupper()}
    if not found or not all(isinstance(value, str) and value for value in found.values()):
        raise ValueError("no variables, or values that are not strings")
    if 0 < len(short_names.keys() & secret.keys()) < len(short_names):
        raise ValueError("an incomplete set of credentials")
    return found


def _fetch_secret(arn: str) -> str:
    import botocore.session
    from botocore.config import Config

    config = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 3})
    client: Any = botocore.session.get_session().create_client("secretsmanager", config=config)
    text: str = client.get_secret_value(SecretId=arn)["SecretString"]
    return text
