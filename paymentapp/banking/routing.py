"""Checks of the parts of a US bank account: routing number, account number, type, holder."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum

ACCOUNT_LENGTH = 17  # NACHA Operating Rules, Appendix Three, DFI Account Number
HOLDER_LENGTH = 22  # ibid., Individual Name
_ROUTING = re.compile(r"[0-9]{9}")
_PRINTABLE = re.compile(r"[ -~]*")

# American Bankers Association, Routing Number Policy: the first two digits. An institution that
# holds accounts has a number of its Federal Reserve district (01-12), of the thrift range (21-32),
# or an electronic one (61-72), which an operator may still answer with R13.
RECEIVING_PREFIXES = frozenset(
    f"{prefix:02d}" for prefix in (*range(1, 13), *range(21, 33), *range(61, 73))
)
_REFUSED_PREFIXES = {
    "00": "must not be the US government's, which holds no customer's account",
    "80": "must not be one for traveller's cheques",
}


class BankDetailError(ValueError):
    """A bank detail is invalid; `field` says which, and the message never holds the value."""

    def __init__(self, field: str, rule: str) -> None:
        super().__init__(f"{field}: {rule}")
        self.field = field
        self.rule = rule


class AccountType(StrEnum):
    """The kinds of accounts that are paid."""

    CHECKING = "checking"
    SAVINGS = "savings"


@dataclass(frozen=True, slots=True)
class BankAccount:
    """A valid account. Raises BankDetailError where a part is invalid."""

    routing: str
    number: str = field(repr=False)
    account_type: AccountType
    holder: str = field(repr=False)

    def __post_init__(self) -> None:
        check_routing(self.routing)
        check_account_number(self.number)
        check_account_type(self.account_type)
        check_holder(self.holder)

    @property
    def last4(self) -> str:
        """Return what may be shown of the number: the last four characters if it has over eight."""
        return self.number[-4:] if len(self.number) > 8 else ""


def has_check_digit(number: str) -> bool:
    """Return whether nine digits end in their check digit (weights 3, 7, 1, modulo 10)."""
    from stdnum.us import rtn  # lazily, for Lambda cold starts

    return bool(_ROUTING.fullmatch(number)) and rtn.is_valid(number)


def check_routing(number: str) -> str:
    """Return the routing number if it may receive ACH credits. Raises BankDetailError."""
    if not _ROUTING.fullmatch(number):
        raise BankDetailError("routing_number", "must have nine digits")
    if number == "000000000":
        raise BankDetailError("routing_number", "must not be all zeros")
    if not has_check_digit(number):
        raise BankDetailError("routing_number", "must end in its check digit")
    if number[:2] not in RECEIVING_PREFIXES:
        reason = _REFUSED_PREFIXES.get(number[:2], "must begin with 01-12, 21-32 or 61-72")
        raise BankDetailError("routing_number", reason)
    return number


def check_account_number(number: str) -> str:
    """Return the account number: 1 to 17 letters, digits and hyphens. Raises BankDetailError.

    NACHA Operating Rules, Appendix Three, DFI Account Number, would have blanks left out and a
    longer number cut off. Such a number is refused here: it may be mistyped.
    """
    if not number:
        raise BankDetailError("account_number", "must not be empty")
    if len(number) > ACCOUNT_LENGTH:
        raise BankDetailError("account_number", f"must have at most {ACCOUNT_LENGTH} characters")
    if not re.fullmatch(r"[A-Za-z0-9-]+", number):
        raise BankDetailError("account_number", "must have letters, digits and hyphens only")
    if not number.strip("0-"):
        raise BankDetailError("account_number", "must not be all zeros")
    return number


def check_account_type(word: str) -> AccountType:
    """Return the account type of that name. Raises BankDetailError."""
    try:
        return AccountType(word)
    except ValueError:
        raise BankDetailError("account_type", "must be checking or savings") from None


def check_holder(name: str) -> str:
    """Return the holder's name: 1 to 22 printable ASCII characters. Raises BankDetailError.

    A name of zeros counts as missing at an ACH operator, which then rejects the whole file (NACHA
    Operating Rules, Appendix Two, 2.4 and 2.5, Mandatory Field Error).
    """
    if not name.strip():
        raise BankDetailError("account_holder", "must not be empty")
    if not name.strip("0 "):
        raise BankDetailError("account_holder", "must not be all zeros")
    if len(name) > HOLDER_LENGTH:
        raise BankDetailError("account_holder", f"must have at most {HOLDER_LENGTH} characters")
    if not _PRINTABLE.fullmatch(name):
        raise BankDetailError("account_holder", "must have printable ASCII characters only")
    if name != name.strip():
        raise BankDetailError("account_holder", "must not begin or end with a blank")
    return name
