"""The service's own settings: environment variables, read once. Providers declare theirs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from paymentapp.variables import Declared, Variables, matching, number, switch, text, variable


def _is_store(value: str) -> bool:
    return value == "dynamodb" or (value.startswith("sqlite:///") and len(value) > 10)


def _is_prefix(value: str) -> bool:
    return all(c.isascii() and (c.isalnum() or c in "_.-") for c in value) and len(value) <= 100


@dataclass(frozen=True, slots=True)
class Settings(Declared):
    """Everything that can be set, but for what a provider declares itself."""

    title: ClassVar[str] = "Service"

    store: str = variable(
        "PAYMENTAPP_STORE",
        matching(_is_store, "sqlite:///path or dynamodb"),
        "sqlite:///var/paymentapp.db",
        "where records are kept; a path is relative to the working folder (`sqlite:////abs/path`)",
    )
    table_prefix: str = variable(
        "PAYMENTAPP_TABLE_PREFIX",
        matching(_is_prefix, "at most 100 letters, digits, '_', '.' and '-'"),
        "",
        "goes before each DynamoDB table's name",
    )
    due_shards: int = variable(
        "PAYMENTAPP_DUE_SHARDS",
        number(1, 1000),
        "4",
        "shards of the due index; 500 payments a second each on DynamoDB. May be raised and "
        "lowered at any time (docs/scale.md)",
    )
    auth: bool = variable(
        "PAYMENTAPP_AUTH",
        switch(),
        "on",
        "whether callers need an API key; `off` serves callers on loopback only",
    )
    host: str = variable("PAYMENTAPP_HOST", text(), "127.0.0.1", "the address to listen on")
    port: int = variable("PORT", number(0, 65535), "8000", "the port to listen on")
    workers: int = variable("PAYMENTAPP_WORKERS", number(1, 64), "2", "gunicorn's processes")
    threads: int = variable(
        "PAYMENTAPP_THREADS", number(1, 256), "16", "threads of each process that answer requests"
    )
    dispatcher: bool = variable(
        "PAYMENTAPP_DISPATCHER",
        switch(),
        "on",
        "whether the processes that serve also send; `off` where `paymentapp worker` runs",
    )
    senders: int = variable(
        "PAYMENTAPP_SENDERS", number(1, 32), "4", "batches that a process sends at a time"
    )
    batch_size: int = variable(
        "PAYMENTAPP_BATCH_SIZE",
        number(1, 15_000),
        "500",
        "payments of a batch at most; a provider may set a lower limit",
    )
    linger_ms: int = variable(
        "PAYMENTAPP_LINGER_MS",
        number(0, 1000),
        "10",
        "milliseconds that a lone payment waits for company",
    )
    sweep_seconds: int = variable(
        "PAYMENTAPP_SWEEP_SECONDS", number(1, 3600), "2", "between two sweeps"
    )
    follow_seconds: int = variable(
        "PAYMENTAPP_FOLLOW_SECONDS",
        number(0, 60),
        "2",
        "under Lambda: how long a function looks at what it has just sent",
    )
    collect_seconds: int = variable(
        "PAYMENTAPP_COLLECT_SECONDS",
        number(1, 3600),
        "60",
        "between two looks into a mailbox, such as a bank's folder of returns",
    )
    provider_timeout: int = variable(
        "PAYMENTAPP_PROVIDER_TIMEOUT",
        number(1, 60),
        "30",
        "seconds to wait for a provider's answer",
    )
    routes: str = variable(
        "PAYMENTAPP_ROUTES",
        text(),
        "",
        "by which method a payment goes that names none: see *Payment methods and routing*",
    )
    vault_keys: str = variable(
        "PAYMENTAPP_VAULT_KEYS",
        text(),
        "",
        "what seals account details: `NAME:BASE64`, made by `paymentapp vault new-key`; several "
        "with commas, the first one seals",
        secret=True,
    )
    vault_kms: bool = variable(
        "PAYMENTAPP_VAULT_KMS",
        switch(),
        "off",
        "`on` where AWS KMS has sealed those keys (`vault new-key --kms KEY`)",
    )
    variables: Variables = field(default_factory=lambda: Variables({}), repr=False)


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from the environment.

    Raises SettingsError, which names the variable and never its value.
    """
    variables = Variables(dict(os.environ if environ is None else environ))
    return variables.load(Settings, variables=variables)
