"""OpenACH's settings: the server's address, an API user, and the payment type that pays."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar
from urllib.parse import urlsplit

from paymentapp.errors import SettingsError
from paymentapp.loopback import is_loopback
from paymentapp.providers.bank_mail.folder_location import FolderLocation, folder
from paymentapp.providers.base import Environment
from paymentapp.providers.openach.tables import LARGEST
from paymentapp.variables import (
    ELSEWHERE,
    Declared,
    base_url,
    choice,
    credentials_place,
    dollars,
    file,
    matching,
    number,
    switch,
    text,
    variable,
)

COMPLETE = "complete"
ARMED = "armed"
_HOSTED = "achbanking.com"
_SANDBOX = "dev.achbanking.com"
_CREDENTIAL = re.compile(r"[!-~]{1,48}")  # user_api_token, user_api_key: maxLength 48
_TYPE = re.compile(r"[A-Za-z0-9-]{1,36}")  # payment_type_id: maxLength 36
_PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")


@dataclass(frozen=True, slots=True)
class OpenAchSettings(Declared):
    """All settings of OpenACH."""

    title: ClassVar[str] = "OpenACH"

    base_url: str = variable(
        "PAYMENTAPP_OPENACH_BASE_URL",
        base_url(),
        None,
        "the server's API, such as `https://openach.example.com/api`; the hosted one is "
        "`https://achbanking.com/api`",
    )
    token: str = variable(
        "PAYMENTAPP_OPENACH_TOKEN",
        matching(lambda value: not value or _CREDENTIAL.fullmatch(value), "1 to 48 characters"),
        "",
        "`user_api_token` of an API user who acts for one originator alone",
        secret=True,
    )
    secret_key: str = variable(
        "PAYMENTAPP_OPENACH_SECRET_KEY",
        matching(lambda value: not value or _CREDENTIAL.fullmatch(value), "1 to 48 characters"),
        "",
        "`user_api_key` of that user",
        secret=True,
    )
    payment_type: str = variable(
        "PAYMENTAPP_OPENACH_PAYMENT_TYPE",
        matching(lambda value: not value or _TYPE.fullmatch(value), "the id of a payment type"),
        "",
        "id of the payment type that pays (`getPaymentTypes`); it has to be `credit` and `enabled`",
    )
    id_prefix: str = variable(
        "PAYMENTAPP_OPENACH_ID_PREFIX",
        matching(_PREFIX.fullmatch, "1 to 40 letters, digits, '.', '_' and '-'"),
        "paymentapp.",
        "begins the external id of each payment's profile. Installations that share an originator "
        "have different ones. Change it when no batch is without an outcome",
    )
    hold_days: int = variable(
        "PAYMENTAPP_OPENACH_HOLD_DAYS",
        number(2, 60),
        "5",
        "banking days after an entry's date until a payment of which no return was recorded has "
        "succeeded",
    )
    most: Decimal = variable(
        "PAYMENTAPP_OPENACH_MAXIMUM",
        dollars(LARGEST),
        str(LARGEST),
        "most dollars of one payment",
    )
    plan: str = variable(
        "PAYMENTAPP_OPENACH_PLAN",
        choice(COMPLETE, ARMED),
        COMPLETE,
        "`complete`: profile, account and schedule in one transaction. `armed`: in steps, for a "
        "server without `savePaymentProfileComplete`; see *OpenACH*",
    )
    unseen: bool = variable(
        "PAYMENTAPP_OPENACH_UNSEEN",
        switch(),
        "off",
        "`on` to allow the plan `armed`, which nobody has seen work on the hosted service",
    )
    returns_url: str = variable(
        "PAYMENTAPP_OPENACH_RETURNS_URL",
        folder("PAYMENTAPP_OPENACH_SFTP_PASSWORD", optional=True),
        "",
        "the folder into which the originator's bank puts its return files, read as they are; "
        "without it returns are recorded by hand",
    )
    sftp_known_hosts: str = variable(
        "PAYMENTAPP_OPENACH_SFTP_KNOWN_HOSTS",
        file(),
        "",
        "a known_hosts file with that bank's host key; required for SFTP",
    )
    sftp_password: str = variable(
        "PAYMENTAPP_OPENACH_SFTP_PASSWORD",
        text(),
        "",
        "the password, never in the URL",
        secret=True,
    )
    sftp_key_file: str = variable(
        "PAYMENTAPP_OPENACH_SFTP_KEY_FILE", file(), "", "the private key, instead of a password"
    )
    credentials: str = credentials_place("PAYMENTAPP_OPENACH_CREDENTIALS", "OpenACH")

    @property
    def is_configured(self) -> bool:
        """Return whether payments are sent, by this process or by others."""
        here = self.token and self.secret_key and self.payment_type
        return bool(here) or self.credentials == ELSEWHERE

    @property
    def description(self) -> str:
        """The server, for operators."""
        parts = urlsplit(self.base_url)
        host = parts.hostname or ""
        kind = {_HOSTED: "LIVE", _SANDBOX: "sandbox"}.get(host, "")
        kind = "simulator" if is_loopback(host) else kind
        return " ".join(filter(None, ["OpenACH", kind, f"({parts.netloc})"]))

    @property
    def environment(self) -> Environment:
        """What the account moves: real money, unless the server is known to move none."""
        host = urlsplit(self.base_url).hostname or ""
        if is_loopback(host):
            return Environment.SIMULATED
        return Environment.TEST if host == _SANDBOX else Environment.LIVE

    def returns(self, timeout: int) -> FolderLocation | None:
        """Return the folder with the bank's return files; None where there is none."""
        if not self.returns_url:
            return None
        return FolderLocation(
            self.returns_url,
            timeout,
            password=self.sftp_password,
            key_file=self.sftp_key_file,
            known_hosts=self.sftp_known_hosts,
        )

    def check(self) -> None:
        """Refuse a plan that nobody has seen work, unless that is what is wanted."""
        if self.returns_url.startswith("sftp:") and not self.sftp_known_hosts:
            raise SettingsError(
                "PAYMENTAPP_OPENACH_SFTP_KNOWN_HOSTS must be set for SFTP: a file with the host key"
            )
        if self.plan == ARMED and not self.unseen:
            raise SettingsError(
                "PAYMENTAPP_OPENACH_PLAN is armed, which nobody has seen work on the hosted "
                "service: try it there with payments to yourself, then set "
                "PAYMENTAPP_OPENACH_UNSEEN=on"
            )
