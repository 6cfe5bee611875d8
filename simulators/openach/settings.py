"""Settings of OpenACH; flags and variables have ``openach`` before the name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from simulators.common.settings import (
    PROBABILITY,
    SECONDS,
    SettingType,
    SimulatorSettings,
    calls_among,
    choice,
    filled,
    list_from,
    setting,
    shared_setting,
)

CALL_KINDS = ("connect", "read", "types", "profile", "account", "schedule", "complete", "delete")
FAULTS = (
    *("drop_before", "drop_after", "html_before", "html_after", "sql_before", "sql_after"),
    *("glued", "session_ended", "run_before"),
)
CREDIT_TYPE = "0c1f9b13-0000-4000-8000-000000000001"
DEBIT_TYPE = "0c1f9b13-0000-4000-8000-000000000002"


@dataclass(frozen=True)
class OpenAchSimulatorSettings(SimulatorSettings):
    """All settings of OpenACH. Faults are probabilities for each call, at most one into a call."""

    FAULTS: ClassVar[tuple[str, ...]] = FAULTS
    PREFIX: ClassVar[str] = "openach_"

    token: str = setting(
        SettingType(filled, str, "TOKEN"),
        "simulator",
        "user_api_token of its one user",
        secret=True,
    )
    key: str = setting(
        SettingType(filled, str, "KEY"), "simulator", "user_api_key of that user", secret=True
    )
    session_idle: float = setting(SECONDS, 1440.0, "time without a call that ends a session")
    latency: float = setting(SECONDS, 0.0, "duration of each call; calls of one session wait")
    complete: str = setting(
        SettingType(choice("yes", "no"), str, "yes|no"),
        "yes",
        "whether savePaymentProfileComplete is there; nobody knows of the hosted service",
    )
    inert: str = setting(
        SettingType(choice("yes", "no"), str, "yes|no"),
        "yes",
        "whether a schedule with 0 remaining occurrences is taken as inert",
    )
    amounts: str = setting(
        SettingType(choice("text", "number"), str, "text|number"),
        "text",
        "whether amounts are texts, as with PostgreSQL, or numbers, as with SQLite",
    )
    credit_status: str = setting(
        SettingType(choice("enabled", "disabled"), str, "enabled|disabled"),
        "enabled",
        "status of the payment type that pays",
    )
    drop_before: float = shared_setting("drop_before")
    drop_after: float = setting(PROBABILITY, 0.0, "act, then close the connection")
    html_before: float = setting(PROBABILITY, 0.0, "answer HTML, without acting")
    html_after: float = setting(PROBABILITY, 0.0, "act, then answer HTML")
    sql_before: float = setting(PROBABILITY, 0.0, "answer that the database is locked, do nothing")
    sql_after: float = setting(PROBABILITY, 0.0, "act, then answer an exception with SQL in it")
    glued: float = setting(PROBABILITY, 0.0, "act, and put a second object after the answer")
    session_ended: float = setting(PROBABILITY, 0.0, "end the session before the call")
    run_before: float = setting(PROBABILITY, 0.0, "let a nightly run come before the call")
    faults_on: tuple[str, ...] = setting(
        SettingType(calls_among(CALL_KINDS), list_from, "KIND,..."),
        CALL_KINDS,
        f"calls that faults are injected into, among {', '.join(CALL_KINDS)}",
    )
    fault_seed: int | None = shared_setting("fault_seed")
    down: str = shared_setting("down")

    # OpenACH sends no webhooks.
    webhook_url: ClassVar[Any] = None
    webhook_delay: ClassVar[Any] = 0.0
    webhook_loss: ClassVar[Any] = 0.0
    webhook_duplicates: ClassVar[Any] = 0.0
    webhook_shuffle: ClassVar[Any] = 0.0
