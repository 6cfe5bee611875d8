"""The simulator's settings: one dataclass, read from the environment, flags and JSON alike."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields, replace
from typing import Any

ENV_PREFIX = "PAYMENTAPP_SIMULATOR_"
MASK = "********"
CALL_KINDS = ("token", "create", "read", "item", "cancel", "search", "verify", "certificate")
FAULTS = ("drop_before", "drop_after", "error_before", "error_after", "garbage", "rate_limited")
FIXED_AT_START = frozenset({"host", "port", "state"})


class SettingError(ValueError):
    """A setting that does not exist, or has a value that it cannot have; ``key`` names it."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(f"{key}: {problem}")
        self.key = key
        self.problem = problem


@dataclass(frozen=True)
class Kind:
    """How one sort of setting is checked, and how it is read from text (``--flag``, environment).

    ``check`` takes the JSON value and returns what the dataclass holds, or raises ValueError with
    a sentence; ``parse`` turns text into that JSON value.
    """

    check: Callable[[Any], Any]
    parse: Callable[[str], Any]
    metavar: str


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _seconds(value: Any) -> float:
    if not _is_number(value) or value < 0:
        raise ValueError("must be a number of seconds, 0 or more")
    return float(value)


def _probability(value: Any) -> float:
    if not _is_number(value) or not 0 <= value <= 1:
        raise ValueError("must be a probability, a number from 0 to 1")
    return float(value)


def _integer(low: int, high: int) -> Callable[[Any], int]:
    def check(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return value

    return check


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("must be a text that is not empty")
    return value


def _url(value: Any) -> str:
    text = _text(value)
    if not re.fullmatch(r"https?://[^\s/]+(/\S*)?", text):
        raise ValueError("must be an http:// or https:// address")
    return text


def _webhook_id(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[a-zA-Z0-9]{1,50}", value):
        raise ValueError("must be 1 to 50 letters and digits")
    return value


def _optional(check: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else check(value)


def _balance(value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise ValueError('must be an object of amounts by currency, such as {"USD": "100.00"}')
    for currency, amount in value.items():
        if not isinstance(currency, str) or not re.fullmatch(r"[A-Z]{3}", currency):
            raise ValueError("has a key that is not a three-letter currency code")
        if not isinstance(amount, str) or not re.fullmatch(r"\d{1,15}(\.\d{1,2})?", amount):
            raise ValueError(f"must give {currency} as text, such as 100.00")
    return dict(value)


def _kinds(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(kind in CALL_KINDS for kind in value):
        raise ValueError(f"must be a list of calls among {', '.join(CALL_KINDS)}")
    return tuple(value)


def _choice(*choices: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if value not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return str(value)

    return check


def _number_from(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text


def _integer_from(text: str) -> Any:
    return int(text) if re.fullmatch(r"-?\d{1,18}", text) else text


def _pairs_from(text: str) -> Any:
    pairs = [pair.partition("=") for pair in text.split(",") if pair.strip()]
    return {currency.strip(): amount.strip() for currency, _, amount in pairs}


def _list_from(text: str) -> Any:
    return [part.strip() for part in text.split(",") if part.strip()]


SECONDS = Kind(_seconds, _number_from, "SECONDS")
PROBABILITY = Kind(_probability, _number_from, "P")


def _metadata(kind: Kind, help_text: str, *, secret: bool = False) -> dict[str, Any]:
    return {"kind": kind, "help": help_text, "secret": secret}


def _setting(kind: Kind, default: Any, help_text: str, *, secret: bool = False) -> Any:
    metadata = _metadata(kind, help_text, secret=secret)
    return field(default=default, metadata=metadata, repr=not secret)


@dataclass(frozen=True)
class Settings:
    """Everything that can be set; each has a flag, a variable and a key of the same name.

    ``balance`` limits what can be paid in the currencies that it names (others are unlimited).
    Faults are probabilities a call; at most one strikes a call, so together they are at most 1.
    """

    host: str = _setting(Kind(_text, str, "ADDRESS"), "127.0.0.1", "address to listen on")
    port: int = _setting(
        Kind(_integer(0, 65535), _integer_from, "PORT"), 8001, "port to listen on, 0 for any free"
    )
    state: str = _setting(
        Kind(_text, str, "PATH"), ":memory:", "SQLite file that keeps the state across restarts"
    )
    latency: float = _setting(SECONDS, 0.0, "wait before acting on each payouts call")
    settle_delay: float = _setting(SECONDS, 2.0, "time from accepting a batch to its outcome")
    reversal_delay: float = _setting(SECONDS, 10.0, "time from SUCCESS to REFUNDED or REVERSED")
    token_lifetime: int = _setting(
        Kind(_integer(0, 10**9), _integer_from, "SECONDS"), 32400, "life of an access token"
    )
    client_id: str | None = _setting(
        Kind(_optional(_text), str, "ID"), None, "the only client id accepted (default: any)"
    )
    client_secret: str | None = _setting(
        Kind(_optional(_text), str, "SECRET"),
        None,
        "the only client secret accepted (default: any)",
        secret=True,
    )
    webhook_id: str = _setting(
        Kind(_webhook_id, str, "ID"), "SIMULATORWEBHOOK01", "webhook id that signatures name"
    )
    webhook_url: str | None = _setting(
        Kind(_optional(_url), str, "URL"), None, "where to post webhook events (default: nowhere)"
    )
    webhook_delay: float = _setting(SECONDS, 0.0, "the most that an event comes late")
    webhook_loss: float = _setting(PROBABILITY, 0.0, "never send an event")
    webhook_duplicates: float = _setting(PROBABILITY, 0.0, "send an event twice")
    webhook_shuffle: float = _setting(
        PROBABILITY, 0.0, "hold an event back for 1 to 3 seconds, so that others overtake it"
    )
    balance: dict[str, str] = field(
        default_factory=dict,
        metadata=_metadata(Kind(_balance, _pairs_from, "USD=100.00,..."), "funds, by currency"),
    )
    search: str = _setting(
        Kind(_choice("on", "off"), str, "on|off"), "on", "whether transactions may be searched"
    )
    search_lag: float = _setting(
        SECONDS, 0.0, "time until a transaction appears in the search; PayPal's takes up to 3 hours"
    )
    search_limit: int = _setting(
        Kind(_integer(1, 10**9), _integer_from, "N"), 10_000, "transactions that a search may find"
    )
    drop_before: float = _setting(PROBABILITY, 0.0, "close the connection without having acted")
    drop_after: float = _setting(PROBABILITY, 0.0, "act, then close the connection unanswered")
    error_before: float = _setting(PROBABILITY, 0.0, "answer 500 without having acted")
    error_after: float = _setting(PROBABILITY, 0.0, "act, then answer 500")
    garbage: float = _setting(PROBABILITY, 0.0, "act, then answer a body that is no JSON")
    rate_limited: float = _setting(PROBABILITY, 0.0, "answer 429 without having acted")
    faults_on: tuple[str, ...] = _setting(
        Kind(_kinds, _list_from, "KIND,..."),
        ("create", "read", "item", "cancel"),
        f"calls that faults strike, among {', '.join(CALL_KINDS)}",
    )
    fault_seed: int | None = _setting(
        Kind(_optional(_integer(0, 2**53)), _integer_from, "N"),
        None,
        "makes the sequence of faults repeatable",
    )
    down: str = _setting(
        Kind(_choice("no", "503", "closed"), str, "no|503|closed"),
        "no",
        "every API call is answered 503, or its connection closed",
    )

    def __post_init__(self) -> None:
        for each in fields(self):
            try:
                checked = each.metadata["kind"].check(getattr(self, each.name))
            except ValueError as problem:
                raise SettingError(each.name, str(problem)) from None
            object.__setattr__(self, each.name, checked)
        if sum(getattr(self, fault) for fault in FAULTS) > 1 + 1e-9:
            raise SettingError("+".join(FAULTS), "together must be at most 1")

    def updated(self, changes: Mapping[str, Any]) -> Settings:
        """A copy with the JSON values ``changes``; raises SettingError naming the first bad key."""
        for key in changes:
            if key not in _FIELDS:
                raise SettingError(key, "is not a setting")
            if key in FIXED_AT_START:
                raise SettingError(key, "can only be set when the simulator starts")
        kept = {k: v for k, v in changes.items() if not (is_secret(k) and v == MASK)}
        return replace(self, **kept)

    def as_json(self) -> dict[str, Any]:
        """Every setting by name, secrets masked."""
        shown: dict[str, Any] = {}
        for name in _FIELDS:
            value = getattr(self, name)
            masked = is_secret(name) and value is not None
            shown[name] = MASK if masked else list(value) if isinstance(value, tuple) else value
        return shown


_FIELDS: dict[str, Field[Any]] = {each.name: each for each in fields(Settings)}


def setting_fields() -> list[Field[Any]]:
    """The settings in the order in which help and the page list them."""
    return list(_FIELDS.values())


def is_secret(name: str) -> bool:
    """Whether the setting must never be shown."""
    return bool(_FIELDS[name].metadata["secret"])


def from_texts(texts: Mapping[str, str], label: Callable[[str], str]) -> dict[str, Any]:
    """Checked values from texts by setting name; ``label`` says how an error names a setting."""
    values: dict[str, Any] = {}
    for name, text in texts.items():
        kind: Kind = _FIELDS[name].metadata["kind"]
        try:
            values[name] = kind.check(kind.parse(text))
        except ValueError as problem:
            raise SettingError(label(name), str(problem)) from None
    return values


def from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """The settings that ``PAYMENTAPP_SIMULATOR_*`` variables give; empty ones count as absent."""
    texts = {name: environ.get(variable(name), "") for name in _FIELDS}
    return from_texts({name: text for name, text in texts.items() if text}, variable)


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return ENV_PREFIX + name.upper()
