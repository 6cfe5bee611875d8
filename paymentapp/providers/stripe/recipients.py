"""Payees of Global Payouts: recipients that are to be made at Stripe, or were made there.

A destination is `new:TOKEN:CURRENCY:SEALED` for a recipient that is made of a customer's details,
and `acct_.../PAYOUT_METHOD` for one that exists. The token is new whenever the details are put: it
names the recipient in our records and in Stripe's idempotency keys, and says nothing of the payee.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from typing import NamedTuple

from paymentapp.errors import Misconfigured
from paymentapp.providers.json_answers import as_text, dig, parse_json

_NEW = "new"
_TOKEN_BYTES = 12
_NEW_RECIPIENT = re.compile(
    r"new:(?P<token>[0-9a-f]{24}):(?P<currency>[A-Z]{3}):(?P<sealed>[A-Za-z0-9._=-]+)"
)
_MADE = re.compile(r"(?P<recipient>acct_[A-Za-z0-9_]{1,80})/(?P<method>[a-z]+_[A-Za-z0-9_]{1,80})")
_SHOWN = 4  # last characters of an account number


class NewRecipient(NamedTuple):
    """A recipient that we make; the details are sealed for their customer."""

    token: str
    currency: str  # of the bank account
    sealed: str

    def __repr__(self) -> str:
        return f"NewRecipient({self.token})"

    @property
    def text(self) -> str:
        """The destination, as it is stored with customers and payments."""
        return ":".join((_NEW, self.token, self.currency, self.sealed))


class MadeRecipient(NamedTuple):
    """A recipient at Stripe, and the payout method to which they are paid."""

    recipient: str
    method: str

    @property
    def text(self) -> str:
        """The destination, and the receiver that a report names."""
        return f"{self.recipient}/{self.method}"


class BankDetails(NamedTuple):
    """What a recipient and their bank account are made of. Nothing of it is in `repr`."""

    email: str
    country: str
    currency: str
    account_number: str
    given_name: str = ""
    surname: str = ""
    company: str = ""
    routing_number: str = ""
    branch_number: str = ""
    swift_code: str = ""
    account_type: str = ""

    def __repr__(self) -> str:
        return f"BankDetails({self.country} {self.currency})"

    @property
    def name(self) -> str:
        """The name by which Stripe shows the recipient."""
        return self.company or f"{self.given_name} {self.surname}"

    @property
    def last4(self) -> str:
        """The end of the account number; nothing of one that is hardly longer."""
        number = self.account_number
        return number[-_SHOWN:] if len(number) > _SHOWN + 1 else ""

    @property
    def text(self) -> str:
        """All of it as one text, to be sealed: the same text for the same details."""
        return json.dumps(self, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def of(cls, text: str) -> BankDetails:
        """Read what `text` has written. Raises Misconfigured."""
        try:
            return cls(*map(str, json.loads(text)))
        except (ValueError, TypeError) as error:
            raise Misconfigured("NOT_A_RECIPIENT", "sealed details name no recipient") from error

    @property
    def shown(self) -> Mapping[str, str]:
        """The details by name, with the last digits of the number; those that are not set not."""
        masked = self._replace(account_number=self.last4)
        return {name: value for name, value in masked._asdict().items() if value}


def new_token() -> str:
    """Return a token for a recipient."""
    return secrets.token_hex(_TOKEN_BYTES)


def read_recipient(destination: str | None) -> NewRecipient | MadeRecipient | None:
    """Parse a stored destination; None where it is not one of Global Payouts."""
    found = _NEW_RECIPIENT.fullmatch(destination or "")
    if found:
        return NewRecipient(found["token"], found["currency"], found["sealed"])
    return read_made(destination or "")


def read_made(text: str) -> MadeRecipient | None:
    """Parse a recipient with their payout method; None for any other text."""
    found = _MADE.fullmatch(text)
    return MadeRecipient(found["recipient"], found["method"]) if found else None


def is_iban(number: str) -> bool:
    """Return whether a number has the form of an IBAN: a country, two digits, and more."""
    return re.fullmatch(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}", number) is not None


def has_iban_check_digits(number: str) -> bool:
    """Return whether an IBAN's check digits are right (ISO 7064, MOD 97-10)."""
    digits = "".join(str(int(each, 36)) for each in number[4:] + number[:4])
    return int(digits) % 97 == 1


class MadeIds(NamedTuple):
    """What has been made of a recipient so far, as our records have it."""

    begun_at: str  # when making them was begun, RFC 3339
    recipient: str = ""
    method: str = ""

    @property
    def made(self) -> MadeRecipient | None:
        """The recipient, where they can be paid."""
        return MadeRecipient(self.recipient, self.method) if self.method else None

    @property
    def text(self) -> str:
        """The text that is stored."""
        return json.dumps(self._asdict())

    @classmethod
    def of(cls, text: str) -> MadeIds:
        """Read a stored text."""
        stored = parse_json(text)
        return cls(*(as_text(dig(stored, name)) or "" for name in cls._fields))
