"""Settings of the simulator and its PayPal, from the environment, flags and JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import Field, dataclass, field
from decimal import Decimal
from typing import Any, ClassVar

from simulators.common.settings import (
    PROBABILITY,
    SECONDS,
    SettingType,
    SimulatorSettings,
    calls_among,
    choice,
    filled,
    funds,
    integer,
    integer_from,
    list_from,
    metadata,
    optional,
    pairs_from,
    setting,
    shared_setting,
    url,
)

CALL_KINDS = (
    "token",
    "create",
    "read",
    "item",
    "cancel",
    "search",
    "balances",
    "verify",
    "certificate",
)
FAULTS = ("drop_before", "drop_after", "error_before", "error_after", "garbage", "rate_limited")


def _webhook_id(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[a-zA-Z0-9]{1,50}", value):
        raise ValueError("must be 1 to 50 letters and digits")
    return value


def _rates(value: Any) -> dict[str, str]:
    rates = funds(6)(value)
    if "USD" in rates or not all(map(Decimal, rates.values())):
        raise ValueError("must have no rate of 0, and none of USD")
    return rates


@dataclass(frozen=True)
class PayPalSimulatorSettings(SimulatorSettings):
    """All settings; each has a flag, a variable and a JSON key of the same name.

    ``balance`` limits what can be paid in the currencies that it names (others are unlimited).
    Faults are probabilities for each call; at most one is injected into a call, so together they
    are at most 1.
    """

    FAULTS: ClassVar[tuple[str, ...]] = FAULTS
    FIXED_AT_START: ClassVar[frozenset[str]] = frozenset({"host", "port", "state", "bank_books"})

    host: str = setting(SettingType(filled, str, "ADDRESS"), "127.0.0.1", "address to listen on")
    port: int = setting(
        SettingType(integer(0, 65535), integer_from, "PORT"),
        8001,
        "port to listen on, 0 for any free",
    )
    state: str = setting(
        SettingType(filled, str, "PATH"),
        ":memory:",
        "SQLite file that keeps the state across restarts",
    )
    bank_books: str | None = setting(
        SettingType(optional(filled), str, "PATH"),
        None,
        "books of a simulated bank (its --state folder's books.db), which the page shows too",
    )
    latency: float = setting(SECONDS, 0.0, "delay before acting on each payouts call")
    settle_delay: float = setting(SECONDS, 2.0, "time from accepting a batch to its outcome")
    reversal_delay: float = setting(SECONDS, 10.0, "time from SUCCESS to REFUNDED or REVERSED")
    token_lifetime: int = setting(
        SettingType(integer(0, 10**9), integer_from, "SECONDS"),
        32400,
        "lifetime of an access token",
    )
    client_id: str | None = setting(
        SettingType(optional(filled), str, "ID"), None, "the only client id accepted (default: any)"
    )
    client_secret: str | None = setting(
        SettingType(optional(filled), str, "SECRET"),
        None,
        "the only client secret accepted (default: any)",
        secret=True,
    )
    webhook_id: str = setting(
        SettingType(_webhook_id, str, "ID"),
        "SIMULATORWEBHOOK01",
        "webhook id that signatures cover",
    )
    webhook_url: str | None = shared_setting("webhook_url")
    webhook_delay: float = shared_setting("webhook_delay")
    webhook_loss: float = shared_setting("webhook_loss")
    webhook_duplicates: float = shared_setting("webhook_duplicates")
    webhook_shuffle: float = shared_setting("webhook_shuffle")
    link_url: str | None = setting(
        SettingType(optional(url), str, "URL"),
        None,
        "address that the links in answers name, as where a proxy is called (default: the "
        "simulator's own)",
    )
    balance: dict[str, str] = field(
        default_factory=dict,
        metadata=metadata(
            SettingType(funds(2), pairs_from, "USD=100.00,..."), "funds, by currency"
        ),
    )
    exchange: dict[str, str] = field(
        default_factory=dict,
        metadata=metadata(
            SettingType(_rates, pairs_from, "EUR=0.92,..."),
            "currencies that are bought with US dollars, each with its rate",
        ),
    )
    search: str = setting(
        SettingType(choice("on", "off"), str, "on|off"),
        "on",
        "whether the account may search transactions and read balances",
    )
    search_lag: float = setting(
        SECONDS,
        0.0,
        "time until a transaction is in the search and in balances; PayPal's takes up to 3 hours",
    )
    search_limit: int = setting(
        SettingType(integer(1, 10**9), integer_from, "N"),
        10_000,
        "maximum number of transactions that a search finds",
    )
    drop_before: float = shared_setting("drop_before")
    drop_after: float = setting(PROBABILITY, 0.0, "act, then close the connection unanswered")
    error_before: float = setting(PROBABILITY, 0.0, "answer 500 without acting")
    error_after: float = setting(PROBABILITY, 0.0, "act, then answer 500")
    garbage: float = setting(PROBABILITY, 0.0, "act, then answer a body that is not JSON")
    rate_limited: float = setting(PROBABILITY, 0.0, "answer 429 without acting")
    faults_on: tuple[str, ...] = setting(
        SettingType(calls_among(CALL_KINDS), list_from, "KIND,..."),
        ("create", "read", "item", "cancel"),
        f"calls that faults are injected into, among {', '.join(CALL_KINDS)}",
    )
    fault_seed: int | None = shared_setting("fault_seed")
    down: str = shared_setting("down")


def setting_fields() -> list[Field[Any]]:
    """Return the settings in the order in which help and the page list them."""
    return list(PayPalSimulatorSettings.by_name().values())


def is_secret(name: str) -> bool:
    """Return whether the setting must never be shown."""
    return PayPalSimulatorSettings.is_secret(name)


def from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the settings from ``PAYMENTAPP_SIMULATOR_*`` variables; empty ones count as absent."""
    return PayPalSimulatorSettings.from_environment(environ)


def variable(name: str) -> str:
    """Return the environment variable of a setting."""
    return PayPalSimulatorSettings.variable(name)
