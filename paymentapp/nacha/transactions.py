"""Transaction codes: the kind of account, the direction and the purpose of an entry.

NACHA Operating Rules (2013), Appendix Three, 3.2.2, Transaction Code: the first digit is the kind
of account, the second the direction and the purpose. Codes of ADV files (81 to 88) are not read.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Purpose(StrEnum):
    """What an entry is for."""

    LIVE = "live"  # moves money
    PRENOTE = "prenote"  # asks whether the account exists
    ZERO_DOLLAR = "zero-dollar"  # remittance data, or an acknowledgment
    RETURN = "return"  # or a notification of change


@dataclass(frozen=True, slots=True)
class TransactionCode:
    """One transaction code."""

    code: str
    account_kind: str
    is_credit: bool
    purpose: Purpose


_ACCOUNTS = {"2": "checking", "3": "savings", "4": "general ledger", "5": "loan"}
_SECOND_DIGITS = {
    "1": (True, Purpose.RETURN),
    "2": (True, Purpose.LIVE),
    "3": (True, Purpose.PRENOTE),
    "4": (True, Purpose.ZERO_DOLLAR),
    "6": (False, Purpose.RETURN),
    "7": (False, Purpose.LIVE),
    "8": (False, Purpose.PRENOTE),
    "9": (False, Purpose.ZERO_DOLLAR),
}
# A loan account takes no debits, but 55, which reverses a credit.
_LOAN_HAS_NOT = {"57", "58", "59"}

TRANSACTION_CODES = {
    first + second: TransactionCode(first + second, kind, *meaning)
    for first, kind in _ACCOUNTS.items()
    for second, meaning in _SECOND_DIGITS.items()
    if first + second not in _LOAN_HAS_NOT
} | {"55": TransactionCode("55", "loan", False, Purpose.LIVE)}

# The codes that this service writes: credits to checking and savings accounts, and their returns;
# the debit of the company's own account that balances a batch, and that of a payee which takes back
# a credit that was sent by mistake.
DEBITS = frozenset({"27", "37"})
WRITABLE = frozenset({"21", "22", "23", "24", "31", "32", "33", "34"})


def credit_code(account_type: str, purpose: Purpose = Purpose.LIVE) -> str:
    """Return the code of a credit to an account of that type, "checking" or "savings".

    22 or 32 for a payment, 23 or 33 for a prenote, and so on. Raises ValueError for other types.
    """
    return _code(account_type, is_credit=True, purpose=purpose)


def debit_code(account_type: str) -> str:
    """Return the code of a debit of an account of that type: 27 or 37. Raises ValueError."""
    return _code(account_type, is_credit=False, purpose=Purpose.LIVE)


def _code(account_type: str, *, is_credit: bool, purpose: Purpose) -> str:
    for row in TRANSACTION_CODES.values():
        if (row.account_kind, row.is_credit, row.purpose) == (account_type, is_credit, purpose):
            return row.code
    raise ValueError("no transaction code for such an account")
