"""What has to be set to pay by Stripe: a key, where its API is, and whose events are believed."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from paymentapp.config import Variables, is_safe_url
from paymentapp.errors import SettingsError
from paymentapp.loopback import is_loopback

PREFIX = "PAYMENTAPP_STRIPE_"
STRIPE_URL = "https://api.stripe.com"
PAYOUTS = ("none", "standard", "instant")
_KEY = re.compile(r"(sk|rk)_(?P<mode>live|test)_[A-Za-z0-9_]{4,250}")
_WEBHOOK_SECRET = re.compile(r"whsec_[A-Za-z0-9+/=_-]{4,250}")


@dataclass(frozen=True, slots=True)
class StripeSettings:
    """Everything that can be set of Stripe. Fields with a secret stay out of `repr`."""

    secret_key: str = field(default="", repr=False)
    webhook_secrets: tuple[str, ...] = field(default=(), repr=False)
    base_url: str = STRIPE_URL
    payout: str = "none"  # of customers whose details do not say

    @property
    def mode(self) -> str:
        """`live` or `test`, as the key says; empty without one."""
        found = _KEY.fullmatch(self.secret_key)
        return found["mode"] if found else ""

    @property
    def description(self) -> str:
        """Where payments go, for a person."""
        parts = urlsplit(self.base_url)
        if is_loopback(parts.hostname or ""):
            return f"Stripe simulator ({parts.netloc})"
        kind = {"live": "LIVE", "test": "test mode"}.get(self.mode, "without a key")
        return f"Stripe {kind} ({parts.netloc})"


def read_settings(read: Variables) -> StripeSettings:
    """Raises SettingsError, which names the variable and never its value."""
    secrets = read.text(f"{PREFIX}WEBHOOK_SECRETS", "", _are_secrets)
    settings = StripeSettings(
        secret_key=read.text(f"{PREFIX}SECRET_KEY", "", _is_key),
        webhook_secrets=tuple(each.strip() for each in secrets.split(",") if each.strip()),
        base_url=read.text(f"{PREFIX}BASE_URL", STRIPE_URL, _is_base_url).rstrip("/"),
        payout=read.text(f"{PREFIX}PAYOUT", "none", _is_payout),
    )
    if settings.mode == "live" and settings.base_url != STRIPE_URL:
        raise SettingsError(
            f"{PREFIX}SECRET_KEY is a live key, and {PREFIX}BASE_URL is not Stripe's: a live key "
            f"is sent to {STRIPE_URL} and nowhere else"
        )
    return settings


def _is_key(value: str) -> str | None:
    if value.startswith("pk_"):
        return "is a publishable key: a secret one (sk_) or a restricted one (rk_) is needed"
    fine = not value or _KEY.fullmatch(value)
    return None if fine else "must be a secret key, sk_live_... or sk_test_..., or rk_..."


def _are_secrets(value: str) -> str | None:
    parts = [each.strip() for each in value.split(",")] if value else []
    fine = all(_WEBHOOK_SECRET.fullmatch(each) for each in parts)
    return None if fine else "must be signing secrets, whsec_..., several with commas"


def _is_base_url(value: str) -> str | None:
    if any(sign in value for sign in "@?#"):
        return "must be an address alone, without a user, a query or a fragment"
    return is_safe_url(value)


def _is_payout(value: str) -> str | None:
    return None if value in PAYOUTS else f"must be one of {', '.join(PAYOUTS)}"
