"""The settings of ACH: company and bank, folders, windows."""

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
LARGEST_PGP_BATCH = 2_000  # an encrypted file cannot be compressed for storage
_SCHEMES = {"file", "sftp", "s3"}
_FOLDER = "file:///folder, sftp://user@host/folder or s3://bucket/folder"
_WINDOW = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])(\s+same-day)?")
_PLACEHOLDERS = {"batch", "date", "time", "modifier"}


@dataclass(frozen=True, slots=True)
class FolderLocation:
    """A folder of the bank: its URL, without a password, and the credentials."""

    url: str
    timeout: int  # seconds, of connecting and of each answer
    password: str = field(default="", repr=False)
    key_file: str = ""
    key_password: str = field(default="", repr=False)
    known_hosts: str = ""

    @property
    def scheme(self) -> str:
        """Return the scheme of the URL: file, sftp or s3."""
        return urlsplit(self.url).scheme

    @property
    def shown(self) -> str:
        """Return the URL for logs and people: without the user's name."""
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
    """Check a folder's URL; a password in it is refused, since logs name the URL."""
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
        raise Unfit("must name at least one window")
    return tuple(windows)


def _file_name(value: str) -> str:
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


_WHERE = VariableKind(_folder, _FOLDER, without_user)
_MONEY = dollars(MOST)


@dataclass(frozen=True, slots=True)
class AchSettings(Declared):
    """All settings of ACH. Those without a default are required."""

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
        "PAYMENTAPP_ACH_COMPANY_ID", _ascii(10), None, "the company's id, which recipients see"
    )
    company_name: str = variable(
        "PAYMENTAPP_ACH_COMPANY_NAME", _ascii(16), None, "the company's name, which recipients see"
    )
    description: str = variable(
        "PAYMENTAPP_ACH_DESCRIPTION", _ascii(10), "PAYMENT", "the purpose, which recipients see"
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
        "the folder from which the bank takes files; SFTP needs `pip install paymentapp[sftp]`, "
        "S3 `[s3]`",
    )
    incoming_url: str = variable(
        "PAYMENTAPP_ACH_INCOMING_URL", _WHERE, None, "the folder into which the bank puts files"
    )
    sftp_known_hosts: str = variable(
        "PAYMENTAPP_ACH_SFTP_KNOWN_HOSTS",
        file(),
        "",
        "a known_hosts file with the bank's host key; required for SFTP",
    )
    sftp_password: str = variable(
        "PAYMENTAPP_ACH_SFTP_PASSWORD", text(), "", "the password, never in the URL", secret=True
    )
    sftp_key_file: str = variable(
        "PAYMENTAPP_ACH_SFTP_KEY_FILE", file(), "", "the private key, instead of a password"
    )
    sftp_key_password: str = variable(
        "PAYMENTAPP_ACH_SFTP_KEY_PASSWORD", text(), "", "the password of that key", secret=True
    )
    file_name: str = variable(
        "PAYMENTAPP_ACH_FILE_NAME",
        VariableKind(_file_name, "a name with {batch}, or with {date}, {time} and {modifier}"),
        "ach-{date}-{batch}.ach",
        "the names of files",
    )
    pgp_key_file: str = variable(
        "PAYMENTAPP_ACH_PGP_KEY_FILE",
        file(),
        "",
        "the bank's public PGP key, for which files are then encrypted (`[pgp]`)",
    )
    windows: tuple[Window, ...] = variable(
        "PAYMENTAPP_ACH_WINDOWS",
        VariableKind(_windows, "HH:MM or HH:MM same-day, with commas"),
        "16:00",
        "the bank's cutoffs in New York's time: `09:30 same-day, 16:00`",
    )
    lead: timedelta = variable(
        "PAYMENTAPP_ACH_LEAD_MINUTES",
        _minutes(0, 240),
        "15",
        "minutes before a cutoff at which files are uploaded",
    )
    batch_size: int = variable(
        "PAYMENTAPP_ACH_BATCH_SIZE",
        number(1, LARGEST_BATCH),
        "2000",
        f"most entries of a file; at most {LARGEST_PGP_BATCH} where files are encrypted",
    )
    most: Decimal = variable(
        "PAYMENTAPP_ACH_MAXIMUM", _MONEY, str(MOST), "most dollars of one payment"
    )
    same_day_limit: Decimal = variable(
        "PAYMENTAPP_ACH_SAME_DAY_LIMIT",
        _MONEY,
        str(SAME_DAY_LIMIT),
        "dollars above which a payment settles on the next banking day",
    )
    hold_days: int = variable(
        "PAYMENTAPP_ACH_HOLD_DAYS",
        number(0, 60),
        "2",
        "banking days after the effective date until a payment that was not returned has succeeded",
    )
    prenotes: bool = variable(
        "PAYMENTAPP_ACH_PRENOTES",
        switch(),
        "off",
        "an entry of zero dollars before the first payment to an account",
    )
    prenote_days: int = variable(
        "PAYMENTAPP_ACH_PRENOTE_DAYS",
        number(1, 10),
        "3",
        "banking days between a prenote and the first payment",
    )
    attempt: timedelta = variable(
        "PAYMENTAPP_ACH_ATTEMPT_SECONDS",
        _seconds(2, 3600),
        "300",
        "seconds after which an upload attempt has certainly ended",
    )
    rehearsal: timedelta | None = variable(
        "PAYMENTAPP_ACH_REHEARSAL_SECONDS",
        _seconds(0, 3600).then(lambda length: length or None),
        "0",
        "for trying out, with folders of this machine only: the length of windows and banking days",
    )
    timeout: int = 30  # seconds to wait for a folder: the service's own setting

    @property
    def outgoing(self) -> FolderLocation:
        """Return the folder from which the bank takes files."""
        return self._place(self.outgoing_url)

    @property
    def incoming(self) -> FolderLocation:
        """Return the folder into which the bank puts files."""
        return self._place(self.incoming_url)

    def check(self) -> None:
        """Check settings against each other. Raises SettingsError."""
        folders = (self.outgoing, self.incoming)
        schemes = {folder.scheme for folder in folders}
        if "sftp" in schemes and not self.sftp_known_hosts:
            raise SettingsError(
                "PAYMENTAPP_ACH_SFTP_KNOWN_HOSTS must be set for SFTP: a file with the host key"
            )
        if self.rehearsal and schemes != {"file"}:
            raise SettingsError(
                "PAYMENTAPP_ACH_REHEARSAL_SECONDS is only for folders of this machine (file:///)"
            )
        if self.outgoing_url.rstrip("/") == self.incoming_url.rstrip("/"):
            raise SettingsError(
                "PAYMENTAPP_ACH_INCOMING_URL must not be PAYMENTAPP_ACH_OUTGOING_URL"
            )
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
