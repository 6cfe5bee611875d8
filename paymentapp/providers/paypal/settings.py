"""PayPal's settings: an app's credentials, the API's address and the webhook."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar
from urllib.parse import urlsplit

from paymentapp.errors import SettingsError
from paymentapp.loopback import is_loopback
from paymentapp.providers.paypal.payees import LANGUAGE_PATTERN
from paymentapp.providers.paypal.tables import MAXIMUM
from paymentapp.variables import (
    ELSEWHERE,
    Declared,
    choice,
    credentials_place,
    dollars,
    file,
    matching,
    text,
    url,
    variable,
)

SANDBOX_URL = "https://api-m.sandbox.paypal.com"
_LONGEST_SUBJECT = 255  # sender_batch_header.email_subject
_LONGEST_ASCII_NOTE = 4_000
_LONGEST_NOTE = 1_000


def _is_webhook_id(value: str) -> bool:
    return not value or (value.isascii() and value.isalnum() and len(value) <= 50)


def _is_note(value: str) -> bool:
    """`payout_item.note`: "up to 4000 ASCII characters and 1000 non-ASCII characters"."""
    return len(value) <= (_LONGEST_ASCII_NOTE if value.isascii() else _LONGEST_NOTE)


@dataclass(frozen=True, slots=True)
class PayPalSettings(Declared):
    """All settings of PayPal, and those of the service that it uses."""

    title: ClassVar[str] = "PayPal"
    arn_variable: ClassVar[str] = "PAYMENTAPP_PAYPAL_SECRET_ARN"
    short_names: ClassVar[Mapping[str, str]] = {
        "client_id": "PAYPAL_CLIENT_ID",
        "client_secret": "PAYPAL_CLIENT_SECRET",
    }

    base_url: str = variable(
        "PAYPAL_BASE_URL",
        url(),
        SANDBOX_URL,
        "PayPal's API: the sandbox; `https://api-m.paypal.com` moves real money",
    )
    client_id: str = variable("PAYPAL_CLIENT_ID", text(), "", "of a PayPal app with Payouts")
    client_secret: str = variable(
        "PAYPAL_CLIENT_SECRET", text(), "", "the secret of that app", secret=True
    )
    secret_arn: str = variable(
        arn_variable,
        text(),
        "",
        "under Lambda, instead of the two: a secret in Secrets Manager, JSON with `client_id` and "
        "`client_secret`, and further variables by their names",
    )
    credentials: str = credentials_place("PAYMENTAPP_PAYPAL_CREDENTIALS", "PayPal")
    webhook_id: str = variable(
        "PAYMENTAPP_PAYPAL_WEBHOOK_ID",
        matching(_is_webhook_id, "PayPal's id of the webhook: up to 50 letters and digits"),
        "",
        "id of the webhook that is registered with PayPal for `https://…/webhooks/paypal`; without "
        "it that address is 404",
    )
    webhook_verify: str = variable(
        "PAYMENTAPP_PAYPAL_WEBHOOK_VERIFY",
        choice("offline", "paypal"),
        "offline",
        "where signatures are verified; `paypal` makes a call to PayPal for each event",
    )
    webhook_ca: str = variable(
        "PAYMENTAPP_PAYPAL_WEBHOOK_CA",
        file(),
        "",
        "a simulator's CA, as PEM; with a base URL on loopback only",
    )
    email_subject: str = variable(
        "PAYMENTAPP_PAYPAL_EMAIL_SUBJECT",
        matching(lambda value: len(value) <= _LONGEST_SUBJECT, "at most 255 characters"),
        "You have a payment",
        "subject of the e-mail that PayPal sends to recipients",
    )
    note: str = variable(
        "PAYMENTAPP_PAYPAL_NOTE",
        matching(_is_note, "at most 4000 characters, or 1000 where not all are ASCII"),
        "",
        "text of that e-mail, for payments without a description",
    )
    language: str = variable(
        "PAYMENTAPP_PAYPAL_LANGUAGE",
        matching(
            lambda value: not value or re.fullmatch(LANGUAGE_PATTERN, value),
            "a language tag such as de or pt-BR",
        ),
        "",
        "language of that e-mail, for recipients without a PayPal account whose details name none; "
        "by default that of the PayPal account that pays",
    )
    maximum: Decimal = variable(
        "PAYMENTAPP_PAYPAL_MAXIMUM",
        dollars(Decimal("99999999.99")),
        str(MAXIMUM),
        "US dollars of a payment at most, and in proportion in other currencies; PayPal's own "
        "limit depends on the account",
    )
    batch_size: int = 500  # from here on, settings of the service
    senders: int = 4
    provider_timeout: int = 30

    @property
    def has_credentials(self) -> bool:
        """Return whether this process can call PayPal."""
        return bool(self.client_id and self.client_secret)

    @property
    def asks_without_credentials(self) -> bool:
        """Return whether webhooks are to be verified by calls that this process cannot make."""
        verifies = bool(self.webhook_id) and self.webhook_verify == "paypal"
        return verifies and self.credentials == ELSEWHERE and not self.has_credentials

    @property
    def is_configured(self) -> bool:
        """Return whether payments are sent, by this process or by others."""
        return self.has_credentials or self.credentials == ELSEWHERE

    def check(self) -> None:
        """Refuse incomplete credentials, and a CA where PAYPAL_BASE_URL is not on loopback.

        Whoever chooses the CA could forge PayPal's webhooks.
        """
        if bool(self.client_id) != bool(self.client_secret):
            raise SettingsError(
                "PAYPAL_CLIENT_ID and PAYPAL_CLIENT_SECRET go together; one is not set"
            )
        if self.asks_without_credentials:
            raise SettingsError(
                "PAYMENTAPP_PAYPAL_WEBHOOK_VERIFY must be offline in a process without PayPal's "
                "credentials (PAYMENTAPP_PAYPAL_CREDENTIALS=elsewhere)"
            )
        if self.webhook_ca and not is_loopback(urlsplit(self.base_url).hostname or ""):
            raise SettingsError(
                "PAYMENTAPP_PAYPAL_WEBHOOK_CA is for a simulator on loopback; PAYPAL_BASE_URL is "
                "not"
            )
