"""Environment variables, each declared once, as a field of a frozen dataclass with kind and help.

Parsing, errors, `paymentapp settings` and the tables in docs/operating.md are made from these
declarations. Why no library is used: docs/decisions/0016-settings.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar
from urllib.parse import urlsplit

from paymentapp.errors import SettingsError
from paymentapp.loopback import is_loopback

T = TypeVar("T")
U = TypeVar("U")
S = TypeVar("S", bound="Declared")
ELSEWHERE = "elsewhere"  # where a provider's credentials are, if not in this process
_DECLARED = "variable"  # the key in a field's metadata
# AWS's partitions (aws, aws-cn, aws-us-gov), region, account, name; a FIFO topic's ends in .fifo.
_TOPIC_ARN = re.compile(
    r"arn:aws(-[a-z]+)*:sns:[a-z]{2}(-[a-z]+)+-[0-9]:[0-9]{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?"
)
_SECRET_ARN = re.compile(
    r"arn:aws(-[a-z]+)*:secretsmanager:[a-z]{2}(-[a-z]+)+-[0-9]:[0-9]{12}:secret:[!-~]{1,600}"
)


class Unfit(ValueError):
    """Why a text is refused: the end of a sentence that begins with the variable's name.

    It never contains the text itself.
    """


@dataclass(frozen=True, slots=True)
class VariableKind(Generic[T]):
    """How the text of a variable is parsed, described and shown.

    `read` raises ValueError where the text is not within the limits, `Unfit` where the message
    says more. `limits` completes "must be"; it is empty where any text is allowed. `show` returns
    the part of a text that may be shown.
    """

    read: Callable[[str], T]
    limits: str = ""
    show: Callable[[str], str] = str

    def then(self, make: Callable[[T], U]) -> VariableKind[U]:
        """Return a kind that converts the value further."""
        return VariableKind(lambda value: make(self.read(value)), self.limits, self.show)


@dataclass(frozen=True, slots=True)
class Variable:
    """The declaration of one environment variable; `default` is a text, None if required."""

    name: str
    kind: VariableKind[Any]
    default: str | None
    help: str
    secret: bool

    def read(self, environ: Mapping[str, str]) -> Any:
        """Return the value; the default where it is not set, or empty. Raises SettingsError."""
        text = environ.get(self.name, "").strip() or self.default
        if text is None:
            raise SettingsError(f"{self.name} is not set")
        try:
            return self.kind.read(text)
        except Unfit as unfit:
            problem = str(unfit)
        except ValueError:  # its message may quote the value
            problem = f"must be {self.kind.limits}"
        raise SettingsError(f"{self.name} {problem}")


class Declared:
    """The base of frozen dataclasses whose fields are variables: the settings of one part."""

    __slots__ = ()
    title: ClassVar[str]  # the heading of its table
    arn_variable: ClassVar[str] = ""  # names a secret on AWS that has some of the values
    short_names: ClassVar[Mapping[str, str]] = {}  # variables by their shorter names in it

    def check(self) -> None:
        """Raise SettingsError where valid values contradict each other."""


def variable(
    name: str, kind: VariableKind[T], default: str | None, help_text: str, *, secret: bool = False
) -> T:
    """Declare a field that an environment variable sets.

    `default` is the text of the variable; None makes the variable required (and the field keyword
    only). The value of a secret is never shown, and stays out of `repr`.
    """
    declared = Variable(name, kind, default, help_text, secret)
    options: Any = {"metadata": {_DECLARED: declared}, "repr": not secret}
    if default is None:
        options["kw_only"] = True
    else:
        options["default"] = declared.read({})
    value: T = field(**options)
    return value


def variables_of(settings: type[Declared]) -> dict[str, Variable]:
    """Return the declarations by field name, in order."""
    found = {each.name: each.metadata.get(_DECLARED) for each in fields(settings)}  # type: ignore[arg-type]  # subclasses are dataclasses
    return {name: each for name, each in found.items() if each is not None}


@dataclass(frozen=True, slots=True)
class Variables:
    """The environment, from which each part reads its variables. Values stay out of `repr`."""

    environ: Mapping[str, str] = field(repr=False)

    def load(self, settings: type[S], **others: object) -> S:
        """Return the settings of one part; `others` are its fields that are no variables.

        Raises SettingsError, whose message has the variable's name and never its value.
        """
        declared = variables_of(settings)
        read = {name: each.read(self.environ) for name, each in declared.items()}
        loaded = settings(**read, **others)
        loaded.check()
        return loaded

    def any(self, prefix: str) -> bool:
        """Return whether a variable is set whose name begins with `prefix`."""
        return any(name.startswith(prefix) and value for name, value in self.environ.items())


def text() -> VariableKind[str]:
    """Accept any text."""
    return VariableKind(str)


def matching(fits: Callable[[str], object], limits: str) -> VariableKind[str]:
    """Accept a text for which `fits` is true."""

    def read(value: str) -> str:
        if not fits(value):
            raise ValueError
        return value

    return VariableKind(read, limits)


def choice(*choices: str) -> VariableKind[str]:
    """Accept one of a few words, case-sensitive."""
    words = f"{', '.join(choices[:-1])} or {choices[-1]}"
    return matching(choices.__contains__, words)


def credentials_place(name: str, provider: str) -> str:
    """Declare whether this process has a provider's credentials: `here`, or `elsewhere`."""
    help_text = (
        f"`elsewhere` in a process that never calls {provider}, where others have the credentials: "
        "it accepts payments, shows payees and verifies webhooks"
    )
    return variable(name, choice("here", ELSEWHERE), "here", help_text)


def number(low: int, high: int) -> VariableKind[int]:
    """Accept a whole number within inclusive bounds."""

    def read(value: str) -> int:
        if not (value.isascii() and value.isdigit() and low <= int(value) <= high):
            raise ValueError
        return int(value)

    return VariableKind(read, f"a whole number from {low} to {high}")


def dollars(most: Decimal) -> VariableKind[Decimal]:
    """Take an amount of dollars and whole cents, more than 0."""

    def read(value: str) -> Decimal:
        try:
            amount = Decimal(value)
        except InvalidOperation:
            raise ValueError from None
        if not (amount.is_finite() and 0 < amount <= most) or amount % Decimal("0.01"):
            raise ValueError
        return amount

    return VariableKind(read, f"dollars, more than 0 and at most {most}")


def switch() -> VariableKind[bool]:
    """Accept `on` or `off`, also as `true`, `1`, `yes`, `false`, `0`, `no`."""
    words = dict.fromkeys(("on", "true", "1", "yes"), True)
    words |= dict.fromkeys(("off", "false", "0", "no"), False)

    def read(value: str) -> bool:
        if value.lower() not in words:
            raise ValueError
        return words[value.lower()]

    return VariableKind(read, "on or off")


def file() -> VariableKind[str]:
    """Accept the path of an existing file, or an empty text."""
    return matching(
        lambda value: not value or Path(value).is_file(), "the path of a file that is there"
    )


def topic_arn() -> VariableKind[str]:
    """Accept the ARN of an SNS topic, or an empty text; the account in it is not shown."""
    kind = matching(
        lambda value: not value or _TOPIC_ARN.fullmatch(value),
        "the ARN of an SNS topic, such as arn:aws:sns:eu-west-1:123456789012:events",
    )
    return replace(kind, show=_without_accounts)


def secret_arns() -> VariableKind[str]:
    """Accept ARNs of secrets, several with commas, or an empty text; accounts are not shown."""
    kind = matching(
        lambda value: not value or all(map(_is_secret_arn, value.split(","))),
        "ARNs of secrets in Secrets Manager, several with commas",
    )
    return replace(kind, show=_without_accounts)


def _is_secret_arn(text: str) -> bool:
    return bool(_SECRET_ARN.fullmatch(text.strip()))


def _without_accounts(arns: str) -> str:
    return re.sub(":[0-9]{12}:", ":…:", arns)


def queue_url() -> VariableKind[str]:
    """Accept the URL of an SQS queue, or an empty text; the account in it is not shown."""
    kind = matching(
        lambda value: not value or is_safe_address(value),
        "the https:// URL of an SQS queue (http:// only on loopback)",
    )
    return replace(kind, show=lambda value: re.sub("/[0-9]{12}/", "/…/", value))


def url() -> VariableKind[str]:
    """Accept an address to which secrets may be sent; a user and password in it are not shown."""
    safe = matching(is_safe_address, "an https:// address (http:// only on loopback)")
    return replace(safe, show=without_user)


def base_url() -> VariableKind[str]:
    """Accept the address of an API: no user, query or fragment; a `/` at its end is dropped."""
    address = url()

    def read(value: str) -> str:
        if any(sign in value for sign in "@?#"):
            raise Unfit("must be an address alone, without a user, a query or a fragment")
        return address.read(value).rstrip("/")

    return replace(address, read=read)


def without_user(address: str) -> str:
    """Return an address without a user name and password in it."""
    scheme, sign, rest = address.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{sign}{host.rpartition('@')[2]}{slash}{path}"


def is_safe_address(address: str) -> bool:
    """Return whether an address is https, or http on loopback."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    return bool(host) and (
        parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
    )
