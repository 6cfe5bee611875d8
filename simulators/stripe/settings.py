"""Settings of Stripe; flags and variables have ``stripe`` before the name."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
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
    list_from,
    metadata,
    optional,
    pairs_from,
    setting,
    shared_setting,
)
from simulators.stripe.currencies import DECIMALS

CALL_KINDS = (
    *("transfer", "reversal", "payout", "cancel", "update", "read", "list", "account"),
    *("recipient", "method", "outbound"),  # of version 2
)
SCHEDULES = ("manual", "daily", "weekly", "monthly")
FAULTS = (
    *("drop_before", "drop_after", "error_before", "error_after", "error_rolled_back"),
    *("garbage", "rate_limited", "lock_timeout"),
)


def _account_id(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"acct_[a-zA-Z0-9]{1,50}", value):
        raise ValueError("must be acct_ and letters and digits")
    return value


def _key(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[sr]k_test_[a-zA-Z0-9]+", value):
        raise ValueError("must be sk_test_ or rk_test_ and letters and digits")
    return value


def _balance(value: Any) -> dict[str, str]:
    checked = funds(3)(value)
    for currency, amount in checked.items():
        if currency not in DECIMALS:
            raise ValueError(f"has a currency that Stripe does not know, {currency}")
        if len(amount.partition(".")[2]) > DECIMALS[currency]:
            raise ValueError(f"must give {currency} with at most {DECIMALS[currency]} decimals")
    return checked


@dataclass(frozen=True)
class StripeSimulatorSettings(SimulatorSettings):
    """All settings of Stripe.

    ``balance`` is the platform's initial balance of the source type ``card``, in the currencies
    that it names (others are unlimited); ``bank_balance`` that of ``bank_account``. Faults are
    probabilities for each call; at most one is injected into a call.
    """

    FAULTS: ClassVar[tuple[str, ...]] = FAULTS
    PREFIX: ClassVar[str] = "stripe_"

    api_key: str | None = setting(
        SettingType(optional(_key), str, "KEY"),
        None,
        "the only secret key accepted (default: any test key)",
        secret=True,
    )
    account_id: str = setting(
        SettingType(_account_id, str, "ID"), "acct_simplatform0001", "the platform's own account"
    )
    api_version: str = setting(
        SettingType(filled, str, "VERSION"),
        "2026-10-28.endive",
        "API version of events, and of calls that name none",
    )
    payout_schedule: str = setting(
        SettingType(choice(*SCHEDULES), str, "|".join(SCHEDULES)),
        "manual",
        "the connected accounts' payout schedule; with any but manual Stripe pays their balances "
        "out itself, and payouts that are asked for find nothing",
    )
    latency: float = setting(SECONDS, 0.0, "duration of each call, during which its key is in use")
    payout_delay: float = setting(
        SECONDS, 2.0, "time from a payout to paid or failed; half of it until in_transit"
    )
    failure_delay: float = setting(
        SECONDS, 10.0, "time from paid to failed, where it fails late; up to 5 business days"
    )
    key_lifetime: float = setting(SECONDS, 86400.0, "time until an idempotency key is forgotten")
    webhook_secret: str = setting(
        SettingType(filled, str, "SECRET"),
        "whsec_simulator",
        "secret of the endpoint for the platform's own events",
        secret=True,
    )
    connect_webhook_secret: str | None = setting(
        SettingType(optional(filled), str, "SECRET"),
        None,
        "secret of the endpoint for connected accounts' events (default: the same)",
        secret=True,
    )
    webhook_url: str | None = shared_setting("webhook_url")
    webhook_delay: float = shared_setting("webhook_delay")
    webhook_loss: float = shared_setting("webhook_loss")
    webhook_duplicates: float = shared_setting("webhook_duplicates")
    webhook_shuffle: float = shared_setting("webhook_shuffle")
    balance: dict[str, str] = field(
        default_factory=dict,
        metadata=metadata(
            SettingType(_balance, pairs_from, "USD=100.00,..."), "the platform's funds, by currency"
        ),
    )
    bank_balance: dict[str, str] = field(
        default_factory=dict,
        metadata=metadata(
            SettingType(_balance, pairs_from, "USD=100.00,..."),
            "the platform's funds of the source type bank_account, by currency",
        ),
    )
    financial_account: str = setting(
        SettingType(filled, str, "ID"),
        "fa_simfinancial0001",
        "the financial account that outbound payments draw from",
    )
    financial_balance: dict[str, str] = field(
        default_factory=dict,
        metadata=metadata(
            SettingType(_balance, pairs_from, "USD=100.00,..."),
            "the financial account's funds, by currency (default: more than is ever drawn)",
        ),
    )
    drop_before: float = shared_setting("drop_before")
    drop_after: float = setting(
        PROBABILITY, 0.0, "act, store the answer under the key, then close the connection"
    )
    error_before: float = setting(
        PROBABILITY, 0.0, "answer 500 before execution: nothing is stored under the key"
    )
    error_after: float = setting(
        PROBABILITY, 0.0, "act, then answer 500, which is stored under the key and replayed"
    )
    error_rolled_back: float = setting(
        PROBABILITY, 0.0, "do nothing, answer 500, which is stored under the key and replayed"
    )
    garbage: float = setting(
        PROBABILITY, 0.0, "act, store the answer under the key, then send a body that is not JSON"
    )
    rate_limited: float = setting(PROBABILITY, 0.0, "answer 429 rate_limit, store nothing")
    lock_timeout: float = setting(PROBABILITY, 0.0, "answer 429 lock_timeout, store nothing")
    faults_on: tuple[str, ...] = setting(
        SettingType(calls_among(CALL_KINDS), list_from, "KIND,..."),
        CALL_KINDS,
        f"calls that faults are injected into, among {', '.join(CALL_KINDS)}",
    )
    fault_seed: int | None = shared_setting("fault_seed")
    down: str = shared_setting("down")
