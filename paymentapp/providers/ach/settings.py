"""What has to be set to pay by NACHA files: who we are to the bank, its folders, its windows."""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import time, timedelta
from decimal import Decimal, InvalidOperation
from urllib.parse import urlsplit

from paymentapp.banking import SAME_DAY_LIMIT, Window, has_check_digit
from paymentapp.config import Variables, is_file
from paymentapp.errors import SettingsError

PREFIX = "PAYMENTAPP_ACH_"
MOST = Decimal("99999999.99")  # NACHA Operating Rules, Appendix Three: Amount has ten digits
LARGEST_BATCH = 2_500  # entries: a stored file then stays under 300 KB
LARGEST_PGP_BATCH = 2_000  # what is encrypted is not compressed any more
_SCHEMES = {"file", "sftp", "s3"}
_WINDOW = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])(\s+same-day)?")
_Problem = Callable[[str], str | None]
_PLACEHOLDERS = {"batch", "date", "time", "modifier"}


@dataclass(frozen=True, slots=True)
class Place:
    """A folder at the bank, as a URL without a password, and what opens it."""

    url: str
    timeout: int  # seconds, of connecting and of each answer
    password: str = field(default="", repr=False)
    key_file: str = ""
    key_password: str = field(default="", repr=False)
    known_hosts: str = ""

    @property
    def scheme(self) -> str:
        return urlsplit(self.url).scheme

    @property
    def shown(self) -> str:
        """The place for a person: without a user's name."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.hostname or ''}{parts.path}"


@dataclass(frozen=True, slots=True)
class AchSettings:
    """All settings of this provider."""

    origin: str
    origin_name: str
    destination: str
    destination_name: str
    company_id: str
    company_name: str
    description: str
    odfi: str  # 8 digits
    outgoing: Place
    incoming: Place
    file_name: str
    windows: tuple[Window, ...]
    lead: timedelta  # before a window's cut-off, a file leaves
    batch_size: int
    most: Decimal  # USD a payment
    same_day_limit: Decimal
    hold_days: int
    attempt: timedelta  # longer than any attempt to upload can run
    prenotes: bool
    prenote_days: int
    pgp_key_file: str
    rehearsal: timedelta | None  # for development: windows, and banking days, so long


def read_settings(read: Variables, timeout: int) -> AchSettings:
    """The settings. Raises SettingsError, which names the variable and never its value."""
    rehearsal = read.number(f"{PREFIX}REHEARSAL_SECONDS", 0, 0, 3600)
    pgp = read.text(f"{PREFIX}PGP_KEY_FILE", "", is_file)
    settings = AchSettings(
        origin=_required(read, "ORIGIN", _is_origin),
        origin_name=_required(read, "ORIGIN_NAME", _is_text(23)),
        destination=_required(read, "DESTINATION", _is_routing),
        destination_name=_required(read, "DESTINATION_NAME", _is_text(23)),
        company_id=_required(read, "COMPANY_ID", _is_text(10)),
        company_name=_required(read, "COMPANY_NAME", _is_text(16)),
        description=read.text(f"{PREFIX}DESCRIPTION", "PAYMENT", _is_text(10)),
        odfi=_required(read, "ODFI", _is_routing)[:8],
        outgoing=_place(read, "OUTGOING_URL", timeout),
        incoming=_place(read, "INCOMING_URL", timeout),
        file_name=read.text(f"{PREFIX}FILE_NAME", "ach-{date}-{batch}.ach", _is_pattern),
        windows=_windows(read.text(f"{PREFIX}WINDOWS", "16:00")),
        lead=timedelta(minutes=read.number(f"{PREFIX}LEAD_MINUTES", 15, 0, 240)),
        batch_size=read.number(
            f"{PREFIX}BATCH_SIZE", 2_000, 1, LARGEST_PGP_BATCH if pgp else LARGEST_BATCH
        ),
        most=_dollars(read, "MAXIMUM", MOST),
        same_day_limit=_dollars(read, "SAME_DAY_LIMIT", SAME_DAY_LIMIT),
        hold_days=read.number(f"{PREFIX}HOLD_DAYS", 2, 0, 60),
        attempt=timedelta(seconds=read.number(f"{PREFIX}ATTEMPT_SECONDS", 300, 2, 3600)),
        prenotes=read.switch(f"{PREFIX}PRENOTES", False),
        prenote_days=read.number(f"{PREFIX}PRENOTE_DAYS", 3, 1, 10),
        pgp_key_file=pgp,
        rehearsal=timedelta(seconds=rehearsal) if rehearsal else None,
    )
    _check_places(settings)
    return settings


def _check_places(settings: AchSettings) -> None:
    local = {settings.outgoing.scheme, settings.incoming.scheme} == {"file"}
    if settings.rehearsal and not local:
        raise SettingsError(f"{PREFIX}REHEARSAL_SECONDS is for folders on this machine (file:///)")
    if settings.outgoing.url.rstrip("/") == settings.incoming.url.rstrip("/"):
        raise SettingsError(f"{PREFIX}INCOMING_URL is the outgoing folder too")


def _required(read: Variables, name: str, problem: _Problem) -> str:
    return read.text(PREFIX + name, "", lambda value: problem(value) if value else "is not set")


def _place(read: Variables, name: str, timeout: int) -> Place:
    url = _required(read, name, _is_place)
    place = Place(
        url,
        timeout,
        password=read.text(f"{PREFIX}SFTP_PASSWORD", ""),
        key_file=read.text(f"{PREFIX}SFTP_KEY_FILE", "", is_file),
        key_password=read.text(f"{PREFIX}SFTP_KEY_PASSWORD", ""),
        known_hosts=read.text(f"{PREFIX}SFTP_KNOWN_HOSTS", "", is_file),
    )
    if place.scheme == "sftp" and not place.known_hosts:
        raise SettingsError(f"{PREFIX}SFTP_KNOWN_HOSTS is not set: the bank's host key, as a file")
    return place


def _windows(text: str) -> tuple[Window, ...]:
    """`HH:MM` or `HH:MM same-day`, several with commas, in New York's time."""
    windows = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        found = _WINDOW.fullmatch(part)
        if found is None:
            raise SettingsError(f"{PREFIX}WINDOWS must be HH:MM or HH:MM same-day, with commas")
        windows.append(Window(part[:5], time(int(found[1]), int(found[2])), bool(found[3])))
    if not windows:
        raise SettingsError(f"{PREFIX}WINDOWS names no window")
    return tuple(windows)


def _dollars(read: Variables, name: str, default: Decimal) -> Decimal:
    text = read.text(PREFIX + name, str(default))
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal(0)
    if not (amount.is_finite() and 0 < amount <= MOST) or amount % Decimal("0.01"):
        raise SettingsError(f"{PREFIX}{name} must be dollars, more than 0 and at most {MOST}")
    return amount


def _is_text(longest: int) -> _Problem:
    def problem(value: str) -> str | None:
        fine = value.isascii() and value.isprintable() and len(value) <= longest
        return None if fine and value.strip("0 ") else f"must be 1 to {longest} ASCII characters"

    return problem


def _is_routing(value: str) -> str | None:
    return None if has_check_digit(value) else "must be a routing number of nine digits"


def _is_origin(value: str) -> str | None:
    fine = value.isascii() and value.isalnum() and 9 <= len(value) <= 10
    return None if fine else "must be 9 or 10 letters and digits, as the bank has assigned it"


def _is_place(value: str) -> str | None:
    """A password in a URL would be in every log that names the place."""
    parts = urlsplit(value)
    if parts.scheme not in _SCHEMES or parts.query or parts.fragment:
        return "must be file:///folder, sftp://user@host/folder or s3://bucket/folder"
    if parts.password is not None:
        return "must not hold a password: PAYMENTAPP_ACH_SFTP_PASSWORD does"
    if parts.scheme == "file":
        return None if not parts.netloc and len(parts.path) > 1 else "must be file:///folder"
    fine = parts.hostname and (parts.scheme == "s3" or parts.username)
    return None if fine else "must be sftp://user@host/folder or s3://bucket/folder"


def _is_pattern(value: str) -> str | None:
    """No two files may have one name: a bank may take them for the same."""
    try:
        used = {name for _, name, _, _ in string.Formatter().parse(value) if name is not None}
        value.format(**dict.fromkeys(_PLACEHOLDERS, "x"))
    except (ValueError, KeyError, IndexError, AttributeError):
        return "may have the placeholders {batch}, {date}, {time} and {modifier}, and no others"
    if not used <= _PLACEHOLDERS or not ("batch" in used or {"date", "time", "modifier"} <= used):
        return "must have {batch}, or {date}, {time} and {modifier}: no two files of one name"
    rest = re.sub(r"\{[a-z]+\}", "", value)
    fine = re.fullmatch(r"[A-Za-z0-9._-]*", rest) and len(value) <= 80 and value[0] != "."
    return None if fine else "may have letters, digits, '.', '_' and '-' besides placeholders"
