"""The kinds of value that ACH's settings have."""

from __future__ import annotations

import re
import string
from datetime import time, timedelta
from decimal import Decimal

from paymentapp.banking import (
    RESERVED_DESCRIPTIONS,
    BankDetailError,
    Window,
    check_account_number,
    has_check_digit,
)
from paymentapp.providers.bank_mail.folder_location import folder
from paymentapp.variables import Unfit, VariableKind, dollars, matching, number

MOST = Decimal("99999999.99")  # NACHA Operating Rules, Appendix Three: Amount has ten digits
_WINDOW = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])(\s+same-day)?")
_PLACEHOLDERS = {"batch", "date", "time", "modifier"}


def ascii_text(longest: int) -> VariableKind[str]:
    """Return the kind of an ASCII text that is more than zeros."""

    def fits(value: str) -> object:
        fine = value.isascii() and value.isprintable() and len(value) <= longest
        return fine and value.strip("0 ")

    return matching(fits, f"1 to {longest} ASCII characters")


def entry_description() -> VariableKind[str]:
    """Return the kind of a Company Entry Description for a company's own payments."""
    return ascii_text(10).then(_own_description)


def _own_description(value: str) -> str:
    """Refuse the texts that the rules keep for other entries."""
    if value.upper() in RESERVED_DESCRIPTIONS:
        raise Unfit(f"must not be {value}, which is for other entries")
    return value


def routing_number() -> VariableKind[str]:
    """Return the kind of a routing number."""
    return matching(has_check_digit, "a routing number of nine digits")


def is_origin(value: str) -> bool:
    """Return whether a text may be an immediate origin."""
    return value.isascii() and value.isalnum() and 9 <= len(value) <= 10


def minutes(low: int, high: int) -> VariableKind[timedelta]:
    """Return the kind of a number of minutes."""
    return number(low, high).then(lambda minutes: timedelta(minutes=minutes))


def seconds(low: int, high: int) -> VariableKind[timedelta]:
    """Return the kind of a number of seconds."""
    return number(low, high).then(lambda seconds: timedelta(seconds=seconds))


def read_windows(value: str) -> tuple[Window, ...]:
    """Read the cutoffs. Raises ValueError."""
    windows = []
    for part in filter(None, (part.strip() for part in value.split(","))):
        found = _WINDOW.fullmatch(part)
        if found is None:
            raise ValueError
        windows.append(Window(part[:5], time(int(found[1]), int(found[2])), bool(found[3])))
    if not windows:
        raise Unfit("must name at least one window")
    return tuple(windows)


def read_patterns(value: str) -> tuple[str, ...]:
    """Read patterns of file names, with commas."""
    return tuple(part.strip().lower() for part in value.split(",") if part.strip())


def optional_routing_number() -> VariableKind[str]:
    """Return the kind of a routing number that may be left out."""
    return matching(
        lambda value: not value or has_check_digit(value), "a routing number of nine digits"
    )


def optional_account_number() -> VariableKind[str]:
    """Return the kind of an account number that may be left out."""

    def fits(value: str) -> bool:
        try:
            return not value or bool(check_account_number(value))
        except BankDetailError:
            return False

    return matching(fits, "1 to 17 letters, digits and hyphens")


def file_name_pattern(value: str) -> str:
    """Check a file name pattern, by which no two files may have the same name."""
    try:
        used = {name for _, name, _, _ in string.Formatter().parse(value) if name is not None}
        value.format(**dict.fromkeys(_PLACEHOLDERS, "x"))
    except (ValueError, KeyError, IndexError, AttributeError):
        used = {"unknown"}
    if not used <= _PLACEHOLDERS:
        raise Unfit("may have the placeholders {batch}, {date}, {time} and {modifier}, no others")
    if not ("batch" in used or {"date", "time", "modifier"} <= used):
        raise Unfit("must have {batch}, or {date}, {time} and {modifier}: no two files of one name")
    rest = re.sub(r"\{[a-z]+\}", "", value)
    if not re.fullmatch(r"[A-Za-z0-9._-]*", rest) or len(value) > 80 or value[0] == ".":
        raise Unfit("may have letters, digits, '.', '_' and '-' besides placeholders")
    return value


FOLDER = folder("PAYMENTAPP_ACH_SFTP_PASSWORD")
DOLLARS = dollars(MOST)
