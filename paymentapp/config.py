"""Settings: environment variables, read once, typed, and refused with the variable's name."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from paymentapp.errors import SettingsError
from paymentapp.loopback import is_loopback

SANDBOX_URL = "https://api-m.sandbox.paypal.com"


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set. Fields with a secret stay out of `repr`."""

    store: str = "sqlite:///var/paymentapp.db"
    table_prefix: str = ""
    due_shards: int = 4
    auth: bool = True
    port: int = 8000
    host: str = "127.0.0.1"
    workers: int = 2
    threads: int = 16
    dispatcher: bool = True
    senders: int = 4
    batch_size: int = 500
    linger_ms: int = 10
    sweep_seconds: int = 2
    follow_seconds: int = 2
    collect_seconds: int = 60
    provider_timeout: int = 30
    paypal_base_url: str = SANDBOX_URL
    paypal_client_id: str = ""
    paypal_client_secret: str = field(default="", repr=False)
    paypal_note: str = ""
    paypal_email_subject: str = "You have a payment"
    paypal_webhook_id: str = ""
    paypal_webhook_verify: str = "offline"
    paypal_webhook_ca: str = ""
    routes: str = ""
    vault_keys: str = field(default="", repr=False)
    vault_kms: bool = False
    variables: Variables = field(default_factory=lambda: Variables({}), repr=False)


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from the environment.

    Raises SettingsError, which names the variable and never its value.
    """
    read = Variables(dict(os.environ if environ is None else environ))
    default = Settings()
    settings = Settings(
        store=read.text("PAYMENTAPP_STORE", default.store, _is_store),
        table_prefix=read.text("PAYMENTAPP_TABLE_PREFIX", "", _is_prefix),
        due_shards=read.number("PAYMENTAPP_DUE_SHARDS", default.due_shards, 1, 1000),
        auth=read.switch("PAYMENTAPP_AUTH", default.auth),
        port=read.number("PORT", default.port, 0, 65535),
        host=read.text("PAYMENTAPP_HOST", default.host),
        workers=read.number("PAYMENTAPP_WORKERS", default.workers, 1, 64),
        threads=read.number("PAYMENTAPP_THREADS", default.threads, 1, 256),
        dispatcher=read.switch("PAYMENTAPP_DISPATCHER", default.dispatcher),
        senders=read.number("PAYMENTAPP_SENDERS", default.senders, 1, 32),
        batch_size=read.number("PAYMENTAPP_BATCH_SIZE", default.batch_size, 1, 15_000),
        linger_ms=read.number("PAYMENTAPP_LINGER_MS", default.linger_ms, 0, 1000),
        sweep_seconds=read.number("PAYMENTAPP_SWEEP_SECONDS", default.sweep_seconds, 1, 3600),
        follow_seconds=read.number("PAYMENTAPP_FOLLOW_SECONDS", default.follow_seconds, 0, 60),
        collect_seconds=read.number("PAYMENTAPP_COLLECT_SECONDS", default.collect_seconds, 1, 3600),
        provider_timeout=read.number(
            "PAYMENTAPP_PROVIDER_TIMEOUT", default.provider_timeout, 1, 60
        ),
        paypal_base_url=read.text("PAYPAL_BASE_URL", default.paypal_base_url, is_safe_url),
        paypal_client_id=read.text("PAYPAL_CLIENT_ID", ""),
        paypal_client_secret=read.text("PAYPAL_CLIENT_SECRET", ""),
        paypal_note=read.text("PAYMENTAPP_PAYPAL_NOTE", ""),
        paypal_email_subject=read.text(
            "PAYMENTAPP_PAYPAL_EMAIL_SUBJECT", default.paypal_email_subject
        ),
        paypal_webhook_id=read.text("PAYMENTAPP_PAYPAL_WEBHOOK_ID", "", _is_webhook_id),
        paypal_webhook_verify=read.text(
            "PAYMENTAPP_PAYPAL_WEBHOOK_VERIFY", default.paypal_webhook_verify, _is_verify
        ),
        paypal_webhook_ca=read.text("PAYMENTAPP_PAYPAL_WEBHOOK_CA", "", is_file),
        routes=read.text("PAYMENTAPP_ROUTES", ""),
        vault_keys=read.text("PAYMENTAPP_VAULT_KEYS", ""),
        vault_kms=read.switch("PAYMENTAPP_VAULT_KMS", default.vault_kms),
        variables=read,
    )
    _check_pair(settings)
    _check_ca(settings)
    return settings


def _check_pair(settings: Settings) -> None:
    if bool(settings.paypal_client_id) != bool(settings.paypal_client_secret):
        raise SettingsError("PAYPAL_CLIENT_ID and PAYPAL_CLIENT_SECRET go together; one is not set")


def _check_ca(settings: Settings) -> None:
    """Whoever could name a CA for the real PayPal's webhooks could say what was paid."""
    host = urlsplit(settings.paypal_base_url).hostname or ""
    if settings.paypal_webhook_ca and not is_loopback(host):
        raise SettingsError(
            "PAYMENTAPP_PAYPAL_WEBHOOK_CA is for a simulator on loopback; PAYPAL_BASE_URL is not"
        )


def _is_store(value: str) -> str | None:
    if value == "dynamodb" or (value.startswith("sqlite:///") and len(value) > 10):
        return None
    return "must be sqlite:///path or dynamodb"


def _is_prefix(value: str) -> str | None:
    fine = all(c.isascii() and (c.isalnum() or c in "_.-") for c in value) and len(value) <= 100
    return None if fine else "may hold letters, digits, '_', '.' and '-'"


def is_safe_url(value: str) -> str | None:
    parts = urlsplit(value)
    if parts.scheme == "https" and parts.hostname:
        return None
    if parts.scheme == "http" and is_loopback(parts.hostname or ""):
        return None
    return "must be an https:// address (http:// only on loopback)"


def _is_webhook_id(value: str) -> str | None:
    fine = not value or (value.isascii() and value.isalnum() and len(value) <= 50)
    return None if fine else "must be PayPal's id of the webhook: up to 50 letters and digits"


def _is_verify(value: str) -> str | None:
    return None if value in {"offline", "paypal"} else "must be offline or paypal"


def is_file(value: str) -> str | None:
    return None if not value or Path(value).is_file() else "must name a file that is there"


@dataclass(frozen=True, slots=True)
class Variables:
    """Takes variables one by one, so that each error names its own.

    A provider reads its own settings from here when it is built. Values stay out of `repr`.
    """

    environ: Mapping[str, str] = field(repr=False)

    def text(
        self, name: str, default: str, problem: Callable[[str], str | None] | None = None
    ) -> str:
        value = self.environ.get(name, "").strip() or default
        complaint = problem(value) if problem else None
        if complaint:
            raise SettingsError(f"{name} {complaint}")
        return value

    def number(self, name: str, default: int, low: int, high: int) -> int:
        value = self.environ.get(name, "").strip()
        if not value:
            return default
        if not (value.isascii() and value.isdigit() and low <= int(value) <= high):
            raise SettingsError(f"{name} must be a whole number from {low} to {high}")
        return int(value)

    def any(self, prefix: str) -> bool:
        """Whether a variable whose name begins so is set."""
        return any(name.startswith(prefix) and value for name, value in self.environ.items())

    def switch(self, name: str, default: bool) -> bool:
        value = self.environ.get(name, "").strip().lower()
        if value in {"", "on", "true", "1", "yes"}:
            return default if not value else True
        if value in {"off", "false", "0", "no"}:
            return False
        raise SettingsError(f"{name} must be on or off")
