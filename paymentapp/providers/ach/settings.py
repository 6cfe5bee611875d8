"""What has to be set to pay by NACHA files: who we are to the bank, its folders, its windows."""

from __future__ import annotations

import re
import string
from dataclasses import dataclass, field
from datetime import time, timedelta
from decimal import Decimal
from typing import ClassVar
from urllib.parse import urlsplit

from paymentapp.banking import SAME_DAY_LIMIT, Window, has_check_digit
from paymentapp.errors import SettingsError
from paymentapp.variables import (
    Declared,
    Unfit,
    VariableKind,
    dollars,
    file,
    matching,
    number,
    switch,
    text,
    variable,
    without_user,
)

MOST = Decimal("99999999.99")  # NACHA Operating Rules, Appendix Three: Amount has ten digits
LARGEST_BATCH = 2_500  # entries: a stored file then stays under 300 KB
LARGEST_PGP_BATCH = 2_000  # what is encrypted is not compressed any more
_SCHEMES = {"file", "sftp", "s3"}
_FOLDER = "file:///folder, sftp://user@host/folder or s3://bucket/folder"
_WINDOW = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])(\s+same-day)?")
_PLACEHOLDERS = {"batch", "date", "time", "modifier"}


@dataclass(frozen=True, slots=True)
class FolderLocation:
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


def _ascii(longest: int) -> VariableKind[str]:
    def fits(value: str) -> object:
        fine = value.isascii() and value.isprintable() and len(value) <= longest
        return fine and value.strip("0 ")

    return matching(fits, f"1 to {longest} ASCII characters")


def _routing() -> VariableKind[str]:
    return matching(has_check_digit, "a routing number of nine digits")


def _is_origin(value: str) -> bool:
    return value.isascii() and value.isalnum() and 9 <= len(value) <= 10


def _minutes(low: int, high: int) -> VariableKind[timedelta]:
    return number(low, high).then(lambda minutes: timedelta(minutes=minutes))


def _seconds(low: int, high: int) -> VariableKind[timedelta]:
    return number(low, high).then(lambda seconds: timedelta(seconds=seconds))


def _folder(value: str) -> str:
    """Refuse a password in a URL: it would be in every log that names the place."""
    parts = urlsplit(value)
    if parts.password is not None:
        raise Unfit("must not hold a password: PAYMENTAPP_ACH_SFTP_PASSWORD does")
    if parts.scheme not in _SCHEMES or parts.query or parts.fragment:
        raise ValueError
    if parts.scheme == "file" and (parts.netloc or len(parts.path) < 2):
        raise Unfit("must be file:///folder")
    if parts.scheme != "file" and not (parts.hostname and (parts.scheme == "s3" or parts.username)):
        raise ValueError
    return value


def _windows(value: str) -> tuple[Window, ...]:
    windows = []
    for part in filter(None, (part.strip() for part in value.split(","))):
        found = _WINDOW.fullmatch(part)
        if found is None:
            raise ValueError
        windows.append(Window(part[:5], time(int(found[1]), int(found[2])), bool(found[3])))
    if not windows:
        raise Unfit("names no window")
    return tuple(windows)


def _file_name(value: str) -> str:
    """Refuse a pattern that can give two files one name: a bank may take them for the same."""
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


_WHERE = VariableKind(_folder, _FOLDER, without_user)
_MONEY = dollars(MOST)


@dataclass(frozen=True, slots=True)
class AchSettings(Declared):
    """All settings of this provider. Those without a default are required."""

    title: ClassVar[str] = "ACH"

    origin: str = variable(
        "PAYMENTAPP_ACH_ORIGIN",
        matching(_is_origin, "9 or 10 letters and digits, as the bank has assigned it"),
        None,
        "the immediate origin, as the bank has assigned it",
    )
    origin_name: str = variable("PAYMENTAPP_ACH_ORIGIN_NAME", _ascii(23), None, "its name")
    destination: str = variable(
        "PAYMENTAPP_ACH_DESTINATION",
        _routing(),
        None,
        "the immediate destination: the bank's routing number",
    )
    destination_name: str = variable(
        "PAYMENTAPP_ACH_DESTINATION_NAME", _ascii(23), None, "the bank's name"
    )
    company_id: str = variable(
        "PAYMENTAPP_ACH_COMPANY_ID", _ascii(10), None, "the company, as recipients see it: its id"
    )
    company_name: str = variable(
        "PAYMENTAPP_ACH_COMPANY_NAME", _ascii(16), None, "the company, as recipients see it"
    )
    description: str = variable(
        "PAYMENTAPP_ACH_DESCRIPTION", _ascii(10), "PAYMENT", "what for, as recipients see it"
    )
    odfi: str = variable(
        "PAYMENTAPP_ACH_ODFI",
        _routing().then(lambda value: value[:8]),
        None,
        "the routing number of the bank that sends the entries",
    )
    outgoing_url: str = variable(
        "PAYMENTAPP_ACH_OUTGOING_URL",
        _WHERE,
        None,
        "where the bank fetches files; SFTP needs `pip install paymentapp[sftp]`, S3 `[s3]`",
    )
    incoming_url: str = variable(
        "PAYMENTAPP_ACH_INCOMING_URL", _WHERE, None, "where the bank puts files"
    )
    sftp_known_hosts: str = variable(
        "PAYMENTAPP_ACH_SFTP_KNOWN_HOSTS",
        file(),
        "",
        "a file with the bank's host key; required for SFTP",
    )
    sftp_password: str = variable(
        "PAYMENTAPP_ACH_SFTP_PASSWORD", text(), "", "never in the URL", secret=True
    )
    sftp_key_file: str = variable(
        "PAYMENTAPP_ACH_SFTP_KEY_FILE", file(), "", "a private key, instead of a password"
    )
    sftp_key_password: str = variable(
        "PAYMENTAPP_ACH_SFTP_KEY_PASSWORD", text(), "", "opens that key", secret=True
    )
    file_name: str = variable(
        "PAYMENTAPP_ACH_FILE_NAME",
        VariableKind(_file_name, "a name with {batch}, or with {date}, {time} and {modifier}"),
        "ach-{date}-{batch}.ach",
        "what files are called",
    )
    pgp_key_file: str = variable(
        "PAYMENTAPP_ACH_PGP_KEY_FILE",
        file(),
        "",
        "the bank's public key; files are then encrypted for it (`[pgp]`)",
    )
    windows: tuple[Window, ...] = variable(
        "PAYMENTAPP_ACH_WINDOWS",
        VariableKind(_windows, "HH:MM or HH:MM same-day, with commas"),
        "16:00",
        "the bank's cut-offs in New York's time: `09:30 same-day, 16:00`",
    )
    lead: timedelta = variable(
        "PAYMENTAPP_ACH_LEAD_MINUTES", _minutes(0, 240), "15", "how long before them files leave"
    )
    batch_size: int = variable(
        "PAYMENTAPP_ACH_BATCH_SIZE",
        number(1, LARGEST_BATCH),
        "2000",
        f"entries of a file at most; not above {LARGEST_PGP_BATCH} where files are encrypted",
    )
    most: Decimal = variable(
        "PAYMENTAPP_ACH_MAXIMUM", _MONEY, str(MOST), "dollars of a payment at most"
    )
    same_day_limit: Decimal = variable(
        "PAYMENTAPP_ACH_SAME_DAY_LIMIT",
        _MONEY,
        str(SAME_DAY_LIMIT),
        "dollars, above which a payment settles on the next banking day",
    )
    hold_days: int = variable(
        "PAYMENTAPP_ACH_HOLD_DAYS",
        number(0, 60),
        "2",
        "banking days after the effective date until a payment that has not come back has "
        "succeeded",
    )
    prenotes: bool = variable(
        "PAYMENTAPP_ACH_PRENOTES",
        switch(),
        "off",
        "an entry of zero dollars before the first payment to an account",
    )
    prenote_days: int = variable(
        "PAYMENTAPP_ACH_PRENOTE_DAYS", number(1, 10), "3", "banking days to wait for its return"
    )
    attempt: timedelta = variable(
        "PAYMENTAPP_ACH_ATTEMPT_SECONDS",
        _seconds(2, 3600),
        "300",
        "longer than any upload can take",
    )
    rehearsal: timedelta | None = variable(
        "PAYMENTAPP_ACH_REHEARSAL_SECONDS",
        _seconds(0, 3600).then(lambda length: length or None),
        "0",
        "for trying out, on folders of this machine alone: windows and banking days that are so "
        "short",
    )
    timeout: int = 30  # seconds to wait for a folder: the service's own setting

    @property
    def outgoing(self) -> FolderLocation:
        """Where the bank fetches files."""
        return self._place(self.outgoing_url)

    @property
    def incoming(self) -> FolderLocation:
        """Where the bank puts files."""
        return self._place(self.incoming_url)

    def check(self) -> None:
        """Check what one setting asks of the others."""
        folders = (self.outgoing, self.incoming)
        schemes = {folder.scheme for folder in folders}
        if "sftp" in schemes and not self.sftp_known_hosts:
            raise SettingsError(
                "PAYMENTAPP_ACH_SFTP_KNOWN_HOSTS is not set: the bank's host key, as a file"
            )
        if self.rehearsal and schemes != {"file"}:
            raise SettingsError(
                "PAYMENTAPP_ACH_REHEARSAL_SECONDS is for folders on this machine (file:///)"
            )
        if self.outgoing_url.rstrip("/") == self.incoming_url.rstrip("/"):
            raise SettingsError("PAYMENTAPP_ACH_INCOMING_URL is the outgoing folder too")
        if self.pgp_key_file and self.batch_size > LARGEST_PGP_BATCH:
            raise SettingsError(
                f"PAYMENTAPP_ACH_BATCH_SIZE must be at most {LARGEST_PGP_BATCH} where "
                "PAYMENTAPP_ACH_PGP_KEY_FILE is set"
            )

    def _place(self, address: str) -> FolderLocation:
        return FolderLocation(
            address,
            self.timeout,
            password=self.sftp_password,
            key_file=self.sftp_key_file,
            key_password=self.sftp_key_password,
            known_hosts=self.sftp_known_hosts,
        )
