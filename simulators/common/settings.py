"""Settings: their types, their parsing from text, and sets of them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields, replace
from typing import Any, ClassVar, Self

ENV_PREFIX = "PAYMENTAPP_SIMULATOR_"
MASK = "********"


class InvalidSetting(ValueError):
    """A setting that does not exist or has an invalid value; ``key`` names it."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(f"{key}: {problem}")
        self.key = key
        self.problem = problem


@dataclass(frozen=True)
class SettingType:
    """How a type of setting is checked, and parsed from text (``--flag``, environment).

    ``check`` takes the JSON value and returns what the dataclass stores, or raises ValueError with
    a sentence; ``parse`` turns text into that JSON value.
    """

    check: Callable[[Any], Any]
    parse: Callable[[str], Any]
    metavar: str


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def seconds(value: Any) -> float:
    """Check a duration."""
    if not _is_number(value) or value < 0:
        raise ValueError("must be a number of seconds, 0 or more")
    return float(value)


def probability(value: Any) -> float:
    """Check a number from 0 to 1."""
    if not _is_number(value) or not 0 <= value <= 1:
        raise ValueError("must be a probability, a number from 0 to 1")
    return float(value)


def integer(low: int, high: int) -> Callable[[Any], int]:
    """Return a check for a whole number within bounds."""

    def check(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return value

    return check


def filled(value: Any) -> str:
    """Check a text that is not empty."""
    if not isinstance(value, str) or not value:
        raise ValueError("must be a text that is not empty")
    return value


def url(value: Any) -> str:
    """Check an http or https address."""
    text = filled(value)
    if not re.fullmatch(r"https?://[^\s/]+(/\S*)?", text):
        raise ValueError("must be an http:// or https:// address")
    return text


def optional(check: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a check that also accepts None."""
    return lambda value: None if value is None else check(value)


def funds(decimals: int) -> Callable[[Any], dict[str, str]]:
    """Return a check for amounts by currency, as text with a maximum of decimals."""

    def check(value: Any) -> dict[str, str]:
        if not isinstance(value, Mapping):
            raise ValueError('must be an object of amounts by currency, such as {"USD": "100.00"}')
        for currency, amount in value.items():
            if not isinstance(currency, str) or not re.fullmatch(r"[A-Z]{3}", currency):
                raise ValueError("has a key that is not a three-letter currency code")
            pattern = rf"\d{{1,15}}(\.\d{{1,{decimals}}})?"
            if not isinstance(amount, str) or not re.fullmatch(pattern, amount):
                raise ValueError(f"must give {currency} as text, such as 100.00")
        return dict(value)

    return check


def calls_among(kinds: tuple[str, ...]) -> Callable[[Any], tuple[str, ...]]:
    """Return a check for a list of calls, each one of ``kinds``."""

    def check(value: Any) -> tuple[str, ...]:
        if not isinstance(value, list | tuple) or not all(kind in kinds for kind in value):
            raise ValueError(f"must be a list of calls among {', '.join(kinds)}")
        return tuple(value)

    return check


def choice(*choices: str) -> Callable[[Any], str]:
    """Return a check for one of a few texts."""

    def check(value: Any) -> str:
        if value not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return str(value)

    return check


def number_from(text: str) -> Any:
    """Parse a number; leave other text for the check to report."""
    try:
        return float(text)
    except ValueError:
        return text


def integer_from(text: str) -> Any:
    """Parse a whole number; leave other text for the check to report."""
    return int(text) if re.fullmatch(r"-?\d{1,18}", text) else text


def pairs_from(text: str) -> Any:
    """Parse ``USD=100.00,EUR=5`` into an object."""
    pairs = [pair.partition("=") for pair in text.split(",") if pair.strip()]
    return {currency.strip(): amount.strip() for currency, _, amount in pairs}


def list_from(text: str) -> Any:
    """Parse ``a,b`` into a list."""
    return [part.strip() for part in text.split(",") if part.strip()]


SECONDS = SettingType(seconds, number_from, "SECONDS")
PROBABILITY = SettingType(probability, number_from, "P")


def metadata(kind: SettingType, help_text: str, *, secret: bool = False) -> dict[str, Any]:
    """Return the metadata of a setting's field."""
    return {"kind": kind, "help": help_text, "secret": secret}


def setting(kind: SettingType, default: Any, help_text: str, *, secret: bool = False) -> Any:
    """Return a field of a set of settings."""
    return field(
        default=default, metadata=metadata(kind, help_text, secret=secret), repr=not secret
    )


# Settings that several providers share: type, default and help.
_SHARED: dict[str, tuple[SettingType, Any, str]] = {
    "webhook_url": (
        SettingType(optional(url), str, "URL"),
        None,
        "address to post webhook events to (default: none)",
    ),
    "webhook_delay": (SECONDS, 0.0, "maximum delay of an event"),
    "webhook_loss": (PROBABILITY, 0.0, "never send an event"),
    "webhook_duplicates": (PROBABILITY, 0.0, "send an event twice"),
    "webhook_shuffle": (
        PROBABILITY,
        0.0,
        "delay an event by 1 to 3 seconds, so that others overtake it",
    ),
    "drop_before": (PROBABILITY, 0.0, "close the connection without acting"),
    "fault_seed": (
        SettingType(optional(integer(0, 2**53)), integer_from, "N"),
        None,
        "seed that makes the sequence of faults repeatable",
    ),
    "down": (
        SettingType(choice("no", "503", "closed"), str, "no|503|closed"),
        "no",
        "whether every API call gets a 503, or a closed connection",
    ),
}


def shared_setting(name: str) -> Any:
    """Return a field for a setting that several providers share."""
    return setting(*_SHARED[name])


@dataclass(frozen=True)
class SimulatorSettings:
    """A set of settings, checked when constructed. ``FAULTS`` are probabilities for each call."""

    FAULTS: ClassVar[tuple[str, ...]] = ()
    FIXED_AT_START: ClassVar[frozenset[str]] = frozenset()
    PREFIX: ClassVar[str] = ""  # before the names of flags and variables

    def __post_init__(self) -> None:
        for each in fields(self):
            try:
                checked = each.metadata["kind"].check(getattr(self, each.name))
            except ValueError as problem:
                raise InvalidSetting(each.name, str(problem)) from None
            object.__setattr__(self, each.name, checked)
        if sum(getattr(self, fault) for fault in self.FAULTS) > 1 + 1e-9:
            raise InvalidSetting("+".join(self.FAULTS), "together must be at most 1")

    @classmethod
    def by_name(cls) -> dict[str, Field[Any]]:
        """Return the settings in the order in which help and the page list them."""
        return {each.name: each for each in fields(cls)}

    @classmethod
    def is_secret(cls, name: str) -> bool:
        """Return whether the setting must never be shown."""
        return bool(cls.by_name()[name].metadata["secret"])

    @classmethod
    def flag(cls, name: str) -> str:
        """Return the command-line flag of a setting."""
        return f"--{(cls.PREFIX + name).replace('_', '-')}"

    @classmethod
    def variable(cls, name: str) -> str:
        """Return the environment variable of a setting."""
        return ENV_PREFIX + (cls.PREFIX + name).upper()

    @classmethod
    def from_texts(cls, texts: Mapping[str, str], label: Callable[[str], str]) -> dict[str, Any]:
        """Parse and check texts; ``label`` returns how an error names a setting."""
        values: dict[str, Any] = {}
        known = cls.by_name()
        for name, text in texts.items():
            kind: SettingType = known[name].metadata["kind"]
            try:
                values[name] = kind.check(kind.parse(text))
            except ValueError as problem:
                raise InvalidSetting(label(name), str(problem)) from None
        return values

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> dict[str, Any]:
        """Return the settings from ``PAYMENTAPP_SIMULATOR_*``; empty ones count as absent."""
        texts = {name: environ.get(cls.variable(name), "") for name in cls.by_name()}
        return cls.from_texts({name: text for name, text in texts.items() if text}, cls.variable)

    def updated(self, changes: Mapping[str, Any]) -> Self:
        """Return a copy with JSON values changed; InvalidSetting names the first invalid key."""
        known = self.by_name()
        for key in changes:
            if key not in known:
                raise InvalidSetting(key, "is not a setting")
            if key in self.FIXED_AT_START:
                raise InvalidSetting(key, "can only be set when the simulator starts")
        kept = {k: v for k, v in changes.items() if not (self.is_secret(k) and v == MASK)}
        return replace(self, **kept)

    def as_json(self) -> dict[str, Any]:
        """Return every setting by name, secrets masked."""
        shown: dict[str, Any] = {}
        for name in self.by_name():
            value = getattr(self, name)
            masked = self.is_secret(name) and value is not None
            shown[name] = MASK if masked else list(value) if isinstance(value, tuple) else value
        return shown
