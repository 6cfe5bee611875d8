"""Stripe's settings: an API key, the API's address and the webhook secrets."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import urlsplit

from paymentapp.errors import SettingsError
from paymentapp.loopback import is_loopback
from paymentapp.providers.base import Environment
from paymentapp.providers.stripe.tables import DECIMALS
from paymentapp.variables import (
    ELSEWHERE,
    Declared,
    Unfit,
    VariableKind,
    base_url,
    choice,
    credentials_place,
    variable,
)

STRIPE_URL = "https://api.stripe.com"
PAYOUTS = ("none", "standard", "instant")
SOURCE_TYPES = ("card", "bank_account", "fpx")  # https://docs.stripe.com/api/transfers/create
_KEY = re.compile(r"(sk|rk)_(?P<mode>live|test)_[A-Za-z0-9_]{4,250}")
_FINANCIAL_ACCOUNT = re.compile(r"fa_[A-Za-z0-9_]{1,90}")
_WEBHOOK_SECRET = re.compile(r"whsec_[A-Za-z0-9+/=_-]{4,250}")


def _key(value: str) -> str:
    if value.startswith("pk_"):
        raise Unfit("is a publishable key: a secret one (sk_) or a restricted one (rk_) is needed")
    if value and not _KEY.fullmatch(value):
        raise ValueError
    return value


def _webhook_secrets(value: str) -> tuple[str, ...]:
    secrets = tuple(each.strip() for each in value.split(",")) if value else ()
    if not all(_WEBHOOK_SECRET.fullmatch(each) for each in secrets):
        raise ValueError
    return secrets


def _financial_account(value: str) -> str:
    if value and not _FINANCIAL_ACCOUNT.fullmatch(value):
        raise ValueError
    return value


def _currency(value: str) -> str:
    if value and value not in DECIMALS:
        raise ValueError
    return value


@dataclass(frozen=True, slots=True)
class StripeSettings(Declared):
    """All settings of Stripe."""

    title: ClassVar[str] = "Stripe"

    secret_key: str = variable(
        "PAYMENTAPP_STRIPE_SECRET_KEY",
        VariableKind(_key, "a secret key, sk_live_... or sk_test_..., or rk_..."),
        "",
        "`sk_…`, or a restricted `rk_…` with write on transfers and on payouts of connected "
        "accounts, and read on the balance and on connected accounts",
        secret=True,
    )
    webhook_secrets: tuple[str, ...] = variable(
        "PAYMENTAPP_STRIPE_WEBHOOK_SECRETS",
        VariableKind(_webhook_secrets, "signing secrets, whsec_..., several with commas"),
        "",
        "`whsec_…` of the endpoints, several with commas; without one `/webhooks/stripe` is 404",
        secret=True,
    )
    base_url: str = variable(
        "PAYMENTAPP_STRIPE_BASE_URL",
        base_url(),
        STRIPE_URL,
        "Stripe's API, or a simulator's on loopback",
    )
    payout: str = variable(
        "PAYMENTAPP_STRIPE_PAYOUT",
        choice(*PAYOUTS),
        "none",
        "payout method for customers whose details name none: `standard` or `instant` pays out to "
        "their bank after the transfer",
    )

    source_type: str = variable(
        "PAYMENTAPP_STRIPE_SOURCE_TYPE",
        choice(*SOURCE_TYPES),
        SOURCE_TYPES[0],
        "the part of the account's balance that transfers draw from; `bank_account` is what "
        "legacy bank debits brought. Change it when no batch is without an outcome",
    )
    financial_account: str = variable(
        "PAYMENTAPP_STRIPE_FINANCIAL_ACCOUNT",
        VariableKind(_financial_account, "the id of a financial account, fa_..."),
        "",
        "the financial account that Global Payouts are made from; without one no recipients are "
        "paid. The key needs to be one that may call API version 2",
    )
    financial_currency: str = variable(
        "PAYMENTAPP_STRIPE_FINANCIAL_CURRENCY",
        VariableKind(_currency, "a currency, such as USD"),
        "",
        "the currency drawn from the financial account for payments in any currency, which Stripe "
        "converts; else each payment's own",
    )
    credentials: str = credentials_place("PAYMENTAPP_STRIPE_CREDENTIALS", "Stripe")

    @property
    def is_configured(self) -> bool:
        """Return whether payments are sent, by this process or by others."""
        return bool(self.secret_key) or self.credentials == ELSEWHERE

    @property
    def mode(self) -> str:
        """`live` or `test`, from the key; empty without one."""
        found = _KEY.fullmatch(self.secret_key)
        return found["mode"] if found else ""

    @property
    def description(self) -> str:
        """The account's mode and address, for operators."""
        parts = urlsplit(self.base_url)
        if is_loopback(parts.hostname or ""):
            return f"Stripe simulator ({parts.netloc})"
        kind = {"live": "LIVE", "test": "test mode"}.get(self.mode, "without a key")
        return f"Stripe {kind} ({parts.netloc})"

    @property
    def environment(self) -> Environment:
        """What the account moves; without a key of the process's own, perhaps real money."""
        if is_loopback(urlsplit(self.base_url).hostname or ""):
            return Environment.SIMULATED
        return Environment.TEST if self.mode == "test" else Environment.LIVE

    def check(self) -> None:
        """Refuse to send a live key to any host but Stripe's."""
        if self.mode == "live" and self.base_url != STRIPE_URL:
            raise SettingsError(
                "PAYMENTAPP_STRIPE_SECRET_KEY is a live key, and PAYMENTAPP_STRIPE_BASE_URL is not "
                f"Stripe's: a live key is sent to {STRIPE_URL} and nowhere else"
            )
