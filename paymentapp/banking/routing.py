"""What a US bank account is made of, checked: routing number, account number, type, holder."""

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
    "00": "it is the US government's, which holds no customer's account",
    "80": "it is for traveller's cheques, not for accounts",
}


class BankDetailError(ValueError):
    """A bank detail is not one; `field` says which, and the message never holds the value."""

    def __init__(self, field: str, rule: str) -> None:
        super().__init__(f"{field}: {rule}")
        self.field = field
        self.rule = rule


class AccountType(StrEnum):
    CHECKING = "checking"
    SAVINGS = "savings"


@dataclass(frozen=True, slots=True)
class BankAccount:
    """An account that may be paid to. Raises BankDetailError where a part is wrong."""

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
        """What may be shown of the number: its last four characters, if it has more than eight."""
        return self.number[-4:] if len(self.number) > 8 else ""


def has_check_digit(number: str) -> bool:
    """Whether nine digits end in their check digit (3, 7, 1 times the digits, modulo 10)."""
    from stdnum.us import rtn  # here: it costs a cold start

    return bool(_ROUTING.fullmatch(number)) and rtn.is_valid(number)


def check_routing(number: str) -> str:
    """The routing number itself, if it may receive ACH credits. Raises BankDetailError."""
    if not _ROUTING.fullmatch(number):
        raise BankDetailError("routing_number", "nine digits")
    if number == "000000000":
        raise BankDetailError("routing_number", "all zeros")
    if not has_check_digit(number):
        raise BankDetailError("routing_number", "its check digit does not fit")
    if number[:2] not in RECEIVING_PREFIXES:
        why = _REFUSED_PREFIXES.get(number[:2], "no bank has a number that begins so")
        raise BankDetailError("routing_number", why)
    return number


def check_account_number(number: str) -> str:
    """The account number itself: 1 to 17 letters, digits and hyphens. Raises BankDetailError.

    NACHA Operating Rules, Appendix Three, DFI Account Number, which also has blanks left out and
    what is too long cut off; we would rather ask.
    """
    if not number:
        raise BankDetailError("account_number", "missing")
    if len(number) > ACCOUNT_LENGTH:
        raise BankDetailError("account_number", f"at most {ACCOUNT_LENGTH} characters")
    if not re.fullmatch(r"[A-Za-z0-9-]+", number):
        raise BankDetailError("account_number", "letters, digits and hyphens only, no blanks")
    if not number.strip("0-"):
        raise BankDetailError("account_number", "all zeros")
    return number


def check_account_type(word: str) -> AccountType:
    """The account type of that word. Raises BankDetailError."""
    try:
        return AccountType(word)
    except ValueError:
        raise BankDetailError("account_type", "checking or savings") from None


def check_holder(name: str) -> str:
    """The holder's name itself: 1 to 22 printable ASCII characters. Raises BankDetailError."""
    if not name.strip():
        raise BankDetailError("account_holder", "missing")
    if len(name) > HOLDER_LENGTH:
        raise BankDetailError("account_holder", f"at most {HOLDER_LENGTH} characters")
    if not _PRINTABLE.fullmatch(name):
        raise BankDetailError("account_holder", "printable ASCII characters only")
    if name != name.strip():
        raise BankDetailError("account_holder", "begins or ends with a blank")
    return name
