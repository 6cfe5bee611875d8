"""The environment variables of a function: Lambda's defaults, and those from secrets."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from paymentapp.errors import SettingsError
from paymentapp.providers.registry import DEFAULT, provider_class

ARNS_VARIABLE = "PAYMENTAPP_SECRET_ARNS"
# Other than on a server: one request at a time, one sweep per minute, a short time-out.
DEFAULTS = {
    "PAYMENTAPP_STORE": "dynamodb",
    "PAYMENTAPP_THREADS": "2",
    "PAYMENTAPP_SENDERS": "1",
    "PAYMENTAPP_SWEEP_SECONDS": "60",
    "PAYMENTAPP_PROVIDER_TIMEOUT": "20",
}


def environ_with_secrets(
    environ: Mapping[str, str], fetch: Callable[[str], str] | None = None
) -> dict[str, str]:
    """Return the variables, with Lambda's defaults and with those that secrets contain.

    PAYMENTAPP_SECRET_ARNS names secrets, and a variable of the default provider names one more.
    Each holds variables by their names, or by that provider's short names. Raises SettingsError if
    one cannot be read: a function that started without it would do its work by halves.
    """
    given = {**DEFAULTS, **{name: value for name, value in environ.items() if value.strip()}}
    provider = provider_class(DEFAULT).settings_class
    found: dict[str, str] = {}
    for variable, arn in _named_secrets(given, provider.arn_variable):
        fetch = fetch or _secret_reader()
        found |= _read(variable, arn, fetch, provider.short_names)
    return given | found


def _named_secrets(environ: Mapping[str, str], provider_variable: str) -> list[tuple[str, str]]:
    """Return each secret's ARN with the variable that names it; those for one purpose last."""
    named = [(provider_variable, environ.get(provider_variable, ""))]
    named += [(ARNS_VARIABLE, arn.strip()) for arn in environ.get(ARNS_VARIABLE, "").split(",")]
    return [(variable, arn) for variable, arn in named if arn]


def _read(
    variable: str, arn: str, fetch: Callable[[str], str], short_names: Mapping[str, str]
) -> dict[str, str]:
    try:
        return _variables(json.loads(fetch(arn)), short_names)
    except Exception as error:  # its text may contain the secret, so only its type is shown
        short = " and ".join(f'"{name}"' for name in short_names)
        raise SettingsError(
            f"{variable} must name a secret that this function may read: a JSON "
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


def _secret_reader() -> Callable[[str], str]:
    """Return a function that reads secrets, each by one call of the same client."""
    import botocore.session
    from botocore.config import Config

    config = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 3})
    client: Any = botocore.session.get_session().create_client("secretsmanager", config=config)

    def read(arn: str) -> str:
        text: str = client.get_secret_value(SecretId=arn)["SecretString"]
        return text

    return read
