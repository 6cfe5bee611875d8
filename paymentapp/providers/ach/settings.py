"""The settings of ACH: company and bank, folders, windows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import ClassVar, Literal

from paymentapp.banking import (
    RECEIVING_PREFIXES,
    SAME_DAY_LIMIT,
    AccountType,
    BankAccount,
    Window,
)
from paymentapp.errors import SettingsError
from paymentapp.providers.ach.setting_kinds import (
    DOLLARS,
    FOLDER,
    MOST,
    ascii_text,
    entry_description,
    file_name_pattern,
    is_origin,
    minutes,
    optional_account_number,
    optional_routing_number,
    read_patterns,
    read_windows,
    routing_number,
    seconds,
)
from paymentapp.providers.bank_mail.folder_location import FolderLocation
from paymentapp.variables import (
    Declared,
    VariableKind,
    choice,
    file,
    matching,
    number,
    switch,
    text,
    variable,
)

LARGEST_BATCH = 2_500  # entries: a stored file then stays under 300 KB
LARGEST_PGP_BATCH = 2_000  # an encrypted file cannot be compressed for storage
LARGEST_FILE = 1_000  # payments: the same, where each has an addenda record


@dataclass(frozen=True, slots=True)
class AchSettings(Declared):
    """All settings of ACH. Those without a default are required."""

    title: ClassVar[str] = "ACH"

    origin: str = variable(
        "PAYMENTAPP_ACH_ORIGIN",
        matching(is_origin, "9 or 10 letters and digits, as the bank has assigned it"),
        None,
        "the immediate origin, as the bank has assigned it",
    )
    origin_name: str = variable("PAYMENTAPP_ACH_ORIGIN_NAME", ascii_text(23), None, "its name")
    destination: str = variable(
        "PAYMENTAPP_ACH_DESTINATION",
        routing_number(),
        None,
        "the immediate destination: the bank's routing number",
    )
    destination_name: str = variable(
        "PAYMENTAPP_ACH_DESTINATION_NAME", ascii_text(23), None, "the bank's name"
    )
    company_id: str = variable(
        "PAYMENTAPP_ACH_COMPANY_ID", ascii_text(10), None, "the company's id, which recipients see"
    )
    company_name: str = variable(
        "PAYMENTAPP_ACH_COMPANY_NAME",
        ascii_text(16),
        None,
        "the company's name, which recipients see",
    )
    description: str = variable(
        "PAYMENTAPP_ACH_DESCRIPTION",
        entry_description(),
        "PAYMENT",
        "the purpose, which recipients see, where neither the payment nor the account's details "
        "name one; PAYROLL where all payments to people are wages",
    )
    discretionary_data: str = variable(
        "PAYMENTAPP_ACH_DISCRETIONARY_DATA",
        matching(
            lambda value: (
                value.isascii() and (not value or value.isprintable()) and len(value) <= 20
            ),
            "at most 20 ASCII characters",
        ),
        "",
        "the company's discretionary data, of each batch, where the bank wants it",
    )
    odfi: str = variable(
        "PAYMENTAPP_ACH_ODFI",
        routing_number().then(lambda value: value[:8]),
        None,
        "the routing number of the bank that sends the entries",
    )
    outgoing_url: str = variable(
        "PAYMENTAPP_ACH_OUTGOING_URL",
        FOLDER,
        None,
        "the folder from which the bank takes files; SFTP needs `pip install paymentapp[sftp]`, "
        "S3 `[s3]`",
    )
    incoming_url: str = variable(
        "PAYMENTAPP_ACH_INCOMING_URL", FOLDER, None, "the folder into which the bank puts files"
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
        VariableKind(
            file_name_pattern, "a name with {batch}, or with {date}, {time} and {modifier}"
        ),
        "ach-{date}-{batch}.ach",
        "the names of files",
    )
    pgp_key_file: str = variable(
        "PAYMENTAPP_ACH_PGP_KEY_FILE",
        file(),
        "",
        "the bank's public PGP key, for which files are then encrypted (`[pgp]`)",
    )
    pgp_own_key_file: str = variable(
        "PAYMENTAPP_ACH_PGP_OWN_KEY_FILE",
        file(),
        "",
        "our secret PGP key, for which the bank encrypts its files",
    )
    pgp_own_key_password: str = variable(
        "PAYMENTAPP_ACH_PGP_OWN_KEY_PASSWORD", text(), "", "the password of that key", secret=True
    )
    pgp_bank_key_file: str = variable(
        "PAYMENTAPP_ACH_PGP_BANK_KEY_FILE",
        file(),
        "",
        "the bank's public PGP key, by which every file of the bank's must then be signed",
    )
    incoming_megabytes: int = variable(
        "PAYMENTAPP_ACH_INCOMING_MEGABYTES",
        number(1, 200),
        "10",
        "largest file that is read of the bank's; ten times as much memory is needed",
    )
    incoming_ignored: tuple[str, ...] = variable(
        "PAYMENTAPP_ACH_INCOMING_IGNORED",
        VariableKind(read_patterns, "patterns of file names, with commas"),
        "",
        "files in the incoming folder that are no NACHA files: `*.pdf, report-*`",
    )
    line_ends: str = variable(
        "PAYMENTAPP_ACH_LINE_ENDS",
        choice("lf", "crlf", "none"),
        "lf",
        "what ends each line of our files",
    )
    offset_routing: str = variable(
        "PAYMENTAPP_ACH_OFFSET_ROUTING",
        optional_routing_number(),
        "",
        "the routing number of our own account, where the bank wants balanced files: each batch "
        "then debits it by what the batch pays",
    )
    offset_account: str = variable(
        "PAYMENTAPP_ACH_OFFSET_ACCOUNT", optional_account_number(), "", "its number", secret=True
    )
    offset_type: str = variable(
        "PAYMENTAPP_ACH_OFFSET_TYPE", choice("checking", "savings"), "checking", "its type"
    )
    windows: tuple[Window, ...] = variable(
        "PAYMENTAPP_ACH_WINDOWS",
        VariableKind(read_windows, "HH:MM or HH:MM same-day, with commas"),
        "16:00",
        "the bank's cutoffs in New York's time: `09:30 same-day, 16:00`",
    )
    lead: timedelta = variable(
        "PAYMENTAPP_ACH_LEAD_MINUTES",
        minutes(0, 240),
        "15",
        "minutes before a cutoff at which files are uploaded",
    )
    batch_size: int = variable(
        "PAYMENTAPP_ACH_BATCH_SIZE",
        number(1, LARGEST_BATCH),
        "2000",
        f"most entries of a file; at most {LARGEST_PGP_BATCH} where files are encrypted, and more "
        f"than {LARGEST_FILE} mean {LARGEST_FILE}",
    )
    most: Decimal = variable(
        "PAYMENTAPP_ACH_MAXIMUM", DOLLARS, str(MOST), "most dollars of one payment"
    )
    same_day_limit: Decimal = variable(
        "PAYMENTAPP_ACH_SAME_DAY_LIMIT",
        DOLLARS,
        str(SAME_DAY_LIMIT),
        "dollars above which a payment settles on the next banking day",
    )
    same_day: str = variable(
        "PAYMENTAPP_ACH_SAME_DAY",
        choice("all", "asked"),
        "all",
        "which payments settle on the day of a same-day window: `all` that fit, or those that ask",
    )
    same_day_mark: str = variable(
        "PAYMENTAPP_ACH_SAME_DAY_MARK",
        matching(lambda value: not value or re.fullmatch("SD[0-9]{4}", value), "SD and a time"),
        "",
        "the descriptive date of same-day batches, such as SD1300, where the bank wants it",
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
        seconds(2, 3600),
        "300",
        "seconds after which an upload attempt has certainly ended",
    )
    rehearsal: timedelta | None = variable(
        "PAYMENTAPP_ACH_REHEARSAL_SECONDS",
        seconds(0, 3600).then(lambda length: length or None),
        "0",
        "for trying out, with folders of this machine only: the length of windows and banking days",
    )
    timeout: int = 30  # seconds to wait for a folder: the service's own setting

    @property
    def newline(self) -> Literal["\n", "\r\n", ""]:
        """Return what ends each line of our files."""
        ends: dict[str, Literal["\n", "\r\n", ""]] = {"lf": "\n", "crlf": "\r\n", "none": ""}
        return ends[self.line_ends]

    @property
    def offset(self) -> BankAccount | None:
        """Return our own account that balances each batch; None where batches are not balanced."""
        if not self.offset_account:
            return None
        return BankAccount(
            self.offset_routing, self.offset_account, AccountType(self.offset_type), "OFFSET"
        )

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
        if bool(self.offset_routing) != bool(self.offset_account):
            raise SettingsError(
                "PAYMENTAPP_ACH_OFFSET_ROUTING and PAYMENTAPP_ACH_OFFSET_ACCOUNT must both be set"
            )
        if self.offset_routing and self.offset_routing[:2] not in RECEIVING_PREFIXES:
            raise SettingsError(
                "PAYMENTAPP_ACH_OFFSET_ROUTING must be the number of a bank that holds accounts"
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
