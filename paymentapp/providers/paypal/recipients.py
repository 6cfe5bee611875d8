"""Recipients of payouts: their types and wallets, and how one is written as a destination.

`payout_item` and `recipient_wallet_enum` of PayPal's API description (1.9), and
https://developer.paypal.com/payouts/venmo. A destination is the recipient's e-mail address alone,
or `TYPE:WALLET:LANGUAGE:RECEIVER`, where numbers are sealed: no e-mail address has a colon.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from paymentapp.errors import Misconfigured
from paymentapp.masking import masked

_SHOWN = 4  # last characters of a number


class RecipientType(StrEnum):
    """PayPal's `recipient_type`."""

    EMAIL = "EMAIL"  # "Value is a string of up to 127 single-byte characters."
    PHONE = "PHONE"  # "The unencrypted phone number." The sandbox does not support it.
    PAYPAL_ID = "PAYPAL_ID"  # "The encrypted PayPal account number."
    USER_HANDLE = "USER_HANDLE"  # "... Username associated with Venmo account."


class Wallet(StrEnum):
    """PayPal's `recipient_wallet`, as far as it is used: PAYPAL is its default."""

    PAYPAL = "PAYPAL"
    # "Payouts to Venmo recipients require a 'note' string and a US mobile phone number." Handles
    # and e-mail addresses came later; "available in the US only".
    VENMO = "VENMO"


# What identifies an account is sealed before it is stored.
SEALED = frozenset({RecipientType.PHONE, RecipientType.PAYPAL_ID})
_PARTS = 4


class Recipient(NamedTuple):
    """A recipient; `receiver` is sealed in what a destination says, and plain where it is sent."""

    kind: RecipientType
    receiver: str
    wallet: Wallet = Wallet.PAYPAL
    language: str = ""  # of the e-mail that PayPal sends; empty: the setting's

    def __repr__(self) -> str:
        return f"Recipient({self.kind} {self.wallet})"

    @property
    def destination(self) -> str:
        """Return the recipient as one text without blanks: an address as it is."""
        usual = (RecipientType.EMAIL, Wallet.PAYPAL, "")
        if (self.kind, self.wallet, self.language) == usual:
            return self.receiver
        return ":".join((self.kind.value, self.wallet.value, self.language, self.receiver))

    @property
    def is_sealed(self) -> bool:
        """Return whether a destination has the receiver sealed."""
        return self.kind in SEALED

    @property
    def shown_receiver(self) -> str:
        """Return the plain receiver, masked."""
        return masked_receiver(self.receiver, self.kind)


def read_destination(destination: str) -> Recipient:
    """Return the recipient of a destination; numbers are still sealed. Raises Misconfigured."""
    parts = destination.split(":", _PARTS - 1)
    if len(parts) == 1:
        return Recipient(RecipientType.EMAIL, destination)
    try:
        kind, wallet, language, receiver = parts
        return Recipient(RecipientType(kind), receiver, Wallet(wallet), language)
    except ValueError:
        raise Misconfigured("NOT_A_RECIPIENT", "a destination names no recipient") from None


def is_destination(text: str) -> bool:
    """Return whether a text is a destination of ours, other than a mere address."""
    return text.partition(":")[0] in RecipientType.__members__


def masked_receiver(receiver: str, kind: RecipientType | None = None) -> str:
    """Return a plain receiver masked: of a number its last four characters.

    >>> masked_receiver("+14155550100"), masked_receiver("@ada"), masked_receiver("ada@example.com")
    ('***0100', '@a***', 'a***@example.com')
    """
    if kind is RecipientType.USER_HANDLE or receiver.startswith("@"):
        return f"@{receiver.removeprefix('@')[:1]}***"
    if kind is RecipientType.EMAIL or "@" in receiver:
        return masked(receiver)
    return f"***{receiver[-_SHOWN:]}" if len(receiver) > 2 * _SHOWN else "***"


def same_receiver(kind: RecipientType, ours: str, theirs: str) -> bool:
    """Return whether PayPal names the receiver that we sent, in whatever form.

    Of a phone number it may leave out signs and the country code, of a handle the `@`.
    """
    if kind is RecipientType.PHONE:
        digits = "".join(filter(str.isdigit, theirs))
        mine = ours.removeprefix("+")
        return digits == mine or (len(digits) >= _NATIONAL and mine.endswith(digits))
    return ours.removeprefix("@").casefold() == theirs.removeprefix("@").casefold()


_NATIONAL = 7  # digits, of the shortest number that is compared without a country code
