"""The service's own settings, from environment variables; providers declare theirs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from paymentapp.errors import SettingsError
from paymentapp.quotas import Quota, quota
from paymentapp.store_names import store_name
from paymentapp.trusted_proxies import TrustedProxies, trusted_proxies
from paymentapp.variables import (
    Declared,
    Variables,
    choice,
    matching,
    number,
    queue_url,
    secret_arns,
    switch,
    text,
    topic_arn,
    variable,
)

PROXY = "proxy"  # which encrypts


def _is_prefix(value: str) -> bool:
    return all(c.isascii() and (c.isalnum() or c in "_.-") for c in value) and len(value) <= 100


def _is_token(value: str) -> bool:
    return not value or (16 <= len(value) <= 200 and all("!" <= c <= "~" for c in value))


@dataclass(frozen=True, slots=True)
class Settings(Declared):
    """The settings of the service, apart from those of providers."""

    title: ClassVar[str] = "Service"

    store: str = variable(
        "PAYMENTAPP_STORE",
        store_name(),
        "sqlite:///var/paymentapp.db",
        "where records are stored; a path is relative to the working folder "
        "(`sqlite:////abs/path`). PostgreSQL needs `pip install paymentapp[postgresql]`: see "
        "*PostgreSQL*",
    )
    postgresql_connections: int = variable(
        "PAYMENTAPP_POSTGRESQL_CONNECTIONS",
        number(2, 500),
        "20",
        "connections of each process to PostgreSQL at most; calls beyond them wait",
    )
    postgresql_password_file: str = variable(
        "PAYMENTAPP_POSTGRESQL_PASSWORD_FILE",
        text(),
        "",
        "file with the password or token for PostgreSQL, read for each new connection",
    )
    postgresql_identity: str = variable(
        "PAYMENTAPP_POSTGRESQL_IDENTITY",
        choice("off", "google", "azure"),
        "off",
        "the cloud that gives tokens as passwords, to the service account or managed identity as "
        "which the service runs: see *PostgreSQL*",
    )
    postgresql_prepared: str = variable(
        "PAYMENTAPP_POSTGRESQL_PREPARED",
        choice("auto", "on", "off"),
        "auto",
        "whether PostgreSQL plans a statement once for a connection; `auto`: where no pooler "
        "stands between. `on` needs one that keeps prepared statements: see *PostgreSQL*",
    )
    postgresql_role: str = variable(
        "PAYMENTAPP_POSTGRESQL_ROLE",
        text(),
        "",
        "roles that serve, several with spaces, to which `paymentapp init`, run as the owner of "
        "the tables, grants their rows and nothing else",
    )
    table_prefix: str = variable(
        "PAYMENTAPP_TABLE_PREFIX",
        matching(_is_prefix, "at most 100 letters, digits, '_', '.' and '-'"),
        "",
        "prefix of each DynamoDB table's name",
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
        "whether callers need an API key or an access token; `off` is allowed on loopback only",
    )
    require_idempotency_key: bool = variable(
        "PAYMENTAPP_REQUIRE_IDEMPOTENCY_KEY",
        switch(),
        "off",
        "`on` to refuse payment requests without an `Idempotency-Key`, which cannot be retried "
        "safely",
    )
    host: str = variable("PAYMENTAPP_HOST", text(), "127.0.0.1", "the address to listen on")
    port: int = variable("PORT", number(0, 65535), "8000", "the port to listen on")
    tls: str = variable(
        "PAYMENTAPP_TLS",
        choice("off", PROXY),
        "off",
        "`proxy` where a proxy in front encrypts; needed to listen on an address that is not "
        "loopback, unless gunicorn has a certificate: see *In front of the service*",
    )
    trusted_proxies: TrustedProxies = variable(
        "PAYMENTAPP_TRUSTED_PROXIES",
        trusted_proxies(),
        "",
        "proxies whose `X-Forwarded-For` is believed: addresses or networks, several with commas; "
        "`unix` for those on a Unix socket. What anybody else sends in it is ignored",
    )
    workers: int = variable("PAYMENTAPP_WORKERS", number(1, 64), "2", "gunicorn's processes")
    threads: int = variable(
        "PAYMENTAPP_THREADS", number(1, 256), "16", "request threads of each process"
    )
    connections: int = variable(
        "PAYMENTAPP_CONNECTIONS",
        number(10, 20_000),
        "500",
        "connections of each process; one more closes the one that has been idle or slow longest",
    )
    head_timeout: int = variable(
        "PAYMENTAPP_HEAD_TIMEOUT",
        number(1, 300),
        "10",
        "seconds within which the head of a request has to arrive",
    )
    body_timeout: int = variable(
        "PAYMENTAPP_BODY_TIMEOUT",
        number(1, 300),
        "30",
        "seconds within which the body of a request has to arrive",
    )
    answer_timeout: int = variable(
        "PAYMENTAPP_ANSWER_TIMEOUT",
        number(1, 300),
        "30",
        "seconds within which a client has to read an answer",
    )
    dispatcher: bool = variable(
        "PAYMENTAPP_DISPATCHER",
        switch(),
        "on",
        "whether web processes also dispatch; `off` where `paymentapp worker` runs",
    )
    senders: int = variable(
        "PAYMENTAPP_SENDERS", number(1, 32), "4", "batches that a process sends concurrently"
    )
    batch_size: int = variable(
        "PAYMENTAPP_BATCH_SIZE",
        number(1, 15_000),
        "500",
        "payments in a batch at most; a provider may have a lower limit",
    )
    linger_ms: int = variable(
        "PAYMENTAPP_LINGER_MS",
        number(0, 1000),
        "10",
        "milliseconds that a payment waits for others to share its batch",
    )
    sweep_seconds: int = variable(
        "PAYMENTAPP_SWEEP_SECONDS", number(1, 3600), "2", "seconds between two sweeps"
    )
    follow_seconds: int = variable(
        "PAYMENTAPP_FOLLOW_SECONDS",
        number(0, 60),
        "2",
        "under Lambda: seconds that a function polls what it has just sent",
    )
    collect_seconds: int = variable(
        "PAYMENTAPP_COLLECT_SECONDS",
        number(1, 3600),
        "60",
        "seconds between two reads of a mailbox, such as a bank's folder of returns",
    )
    provider_timeout: int = variable(
        "PAYMENTAPP_PROVIDER_TIMEOUT",
        number(1, 60),
        "30",
        "time-out of a call to a provider, in seconds",
    )
    routes: str = variable(
        "PAYMENTAPP_ROUTES",
        text(),
        "",
        "rules for the method of a payment that names none: see *Ways to pay*",
    )
    approvals: str = variable(
        "PAYMENTAPP_APPROVALS",
        text(),
        "",
        "rules for the payments that people have to approve before they leave: see "
        "*Approvals* in docs/authority.md",
    )
    limits: str = variable(
        "PAYMENTAPP_LIMITS",
        text(),
        "",
        "rules of how much may be requested in a day, a month or 24 hours, and at once: see "
        "*Limits*",
    )
    duplicate_hours: int = variable(
        "PAYMENTAPP_DUPLICATE_HOURS",
        number(0, 840),
        "0",
        "hours within which a client's second payment of an amount to a customer is refused, "
        "unless it has `allow_duplicate`. 0: never",
    )
    unique_references: bool = variable(
        "PAYMENTAPP_UNIQUE_REFERENCES",
        switch(),
        "off",
        "whether a client's second payment with the same `reference` is refused: see *References*",
    )
    payee_change_hold_hours: int = variable(
        "PAYMENTAPP_PAYEE_CHANGE_HOLD_HOURS",
        number(0, 720),
        "0",
        "hours after a change of a customer's details before which no payment that is requested "
        "since is sent to them; until then it can be cancelled. 0: payments leave at once",
    )
    webhooks_at_once: int = variable(
        "PAYMENTAPP_WEBHOOKS_AT_ONCE",
        number(1, 32),
        "4",
        "webhooks that a process sends to one endpoint concurrently",
    )
    webhooks_timeout: int = variable(
        "PAYMENTAPP_WEBHOOKS_TIMEOUT",
        number(1, 60),
        "15",
        "time-out of a webhook, in seconds, from the connection to the answer",
    )
    webhooks_allow_loopback: bool = variable(
        "PAYMENTAPP_WEBHOOKS_ALLOW_LOOPBACK",
        switch(),
        "off",
        "`on` to allow webhook endpoints on this machine, also by http: for trying out",
    )
    events_sns_arn: str = variable(
        "PAYMENTAPP_EVENTS_SNS_ARN",
        topic_arn(),
        "",
        "SNS topic to which every event is published: see *A topic of events*. The region is that "
        "of the ARN",
    )
    delivery_queue_url: str = variable(
        "PAYMENTAPP_DELIVERY_QUEUE_URL",
        queue_url(),
        "",
        "under Lambda: SQS queue by which the sweep has a function of its own deliver events; "
        "without one the sweep delivers them",
    )
    console: bool = variable(
        "PAYMENTAPP_CONSOLE",
        switch(),
        "on",
        "whether `/console` is served, the pages for people: see *Console*",
    )
    metrics: bool = variable(
        "PAYMENTAPP_METRICS",
        switch(),
        "off",
        "`on` to serve `/metrics`: see *Metrics*; needs `pip install paymentapp[metrics]`",
    )
    metrics_token: str = variable(
        "PAYMENTAPP_METRICS_TOKEN",
        matching(_is_token, "16 to 200 printable ASCII characters without spaces"),
        "",
        "what `/metrics` requires as `Authorization: Bearer`; without it only requests from this "
        "machine are served",
        secret=True,
    )
    rate_limit_clients: Quota | None = variable(
        "PAYMENTAPP_RATE_LIMIT_CLIENTS",
        quota(),
        "off",
        "requests of each client, whatever its keys: see *Rate limits*",
    )
    rate_limit_addresses: Quota | None = variable(
        "PAYMENTAPP_RATE_LIMIT_ADDRESSES",
        quota(),
        "600/60",
        "requests without a valid key from each address; a wrong key counts as 20",
    )
    vault_keys: str = variable(
        "PAYMENTAPP_VAULT_KEYS",
        text(),
        "",
        "keys that seal account details: `NAME:BASE64`, made by `paymentapp vault new-key`; with "
        "several, separated by commas, the first one seals",
        secret=True,
    )
    vault_kms: bool = variable(
        "PAYMENTAPP_VAULT_KMS",
        switch(),
        "off",
        "`on` where AWS KMS has encrypted those keys (`vault new-key --kms KEY`)",
    )
    secret_arns: str = variable(
        "PAYMENTAPP_SECRET_ARNS",
        secret_arns(),
        "",
        "under Lambda: secrets in Secrets Manager that the function reads when it starts, several "
        "with commas; each is JSON, variables by their names",
    )
    variables: Variables = field(default_factory=lambda: Variables({}), repr=False)

    def check(self) -> None:
        """Raise SettingsError where a setting has no effect without another one."""
        if self.metrics_token and not self.metrics:
            raise SettingsError("PAYMENTAPP_METRICS_TOKEN is set, but PAYMENTAPP_METRICS is not on")
        if self.postgresql_identity != "off" and self.postgresql_password_file:
            raise SettingsError(
                "PAYMENTAPP_POSTGRESQL_IDENTITY and PAYMENTAPP_POSTGRESQL_PASSWORD_FILE "
                "are both set"
            )


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from the environment.

    Raises SettingsError, whose message has the variable's name and never its value.
    """
    variables = Variables(dict(os.environ if environ is None else environ))
    return variables.load(Settings, variables=variables)
