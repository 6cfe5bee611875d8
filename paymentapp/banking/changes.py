"""Notification of change (NOC) codes, and the correction in the 29 characters of corrected data.

The positions are those of NACHA Operating Rules (2013), Appendix Five, Part 5.3, Table of Change
Codes. C08 and C14 are for international entries. C10 to C12 were withdrawn; banks may still send
them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from paymentapp.banking.routing import (
    AccountType,
    BankAccount,
    BankDetailError,
    check_account_number,
    check_holder,
    check_routing,
)

_ACCOUNT_AT_START = {"account_number": (1, 17)}
_ROUTING = {"routing": (1, 9)}


@dataclass(frozen=True, slots=True)
class ChangeCode:
    """One change code.

    `parts` maps each part of an account that the code corrects to its first and last position in
    the corrected data, counted from 1.
    """

    code: str
    title: str
    parts: MappingProxyType[str, tuple[int, int]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    refused: bool = False  # C61 to C69: an ODFI refuses a notification


def _code(code: str, title: str, **parts: tuple[int, int]) -> ChangeCode:
    return ChangeCode(code, title, MappingProxyType(parts))


CHANGE_CODES = {
    row.code: row
    for row in (
        _code("C01", "Incorrect DFI Account Number", **_ACCOUNT_AT_START),
        _code("C02", "Incorrect Routing Number", **_ROUTING),
        _code(
            "C03",
            "Incorrect Routing Number and Incorrect DFI Account Number",
            **_ROUTING,
            account_number=(13, 29),
        ),
        _code("C04", "Incorrect Individual Name/Receiving Company Name", name=(1, 22)),
        _code("C05", "Incorrect Transaction Code", transaction_code=(1, 2)),
        _code(
            "C06",
            "Incorrect DFI Account Number and Incorrect Transaction Code",
            **_ACCOUNT_AT_START,
            transaction_code=(21, 22),
        ),
        _code(
            "C07",
            "Incorrect Routing Number, Incorrect DFI Account Number, and Incorrect Transaction "
            "Code",
            **_ROUTING,
            account_number=(10, 26),
            transaction_code=(27, 28),
        ),
        _code("C08", "Incorrect Receiving DFI Identification (IAT only)"),
        _code("C09", "Incorrect Individual Identification Number", individual_id=(1, 22)),
        _code("C10", "Incorrect Company Name"),
        _code("C11", "Incorrect Company Identification"),
        _code("C12", "Incorrect Company Name and Company Identification"),
        _code("C13", "Addenda Format Error"),
        _code("C14", "Incorrect SEC Code for Outbound International Payment"),
        ChangeCode("C61", "Misrouted Notification of Change", refused=True),
        ChangeCode("C62", "Incorrect Trace Number", refused=True),
        ChangeCode("C63", "Incorrect Company Identification Number", refused=True),
        ChangeCode("C64", "Incorrect Individual Identification Number", refused=True),
        ChangeCode("C65", "Incorrectly Formatted Corrected Data", refused=True),
        ChangeCode("C66", "Incorrect Discretionary Data", refused=True),
        ChangeCode("C67", "Routing Number Not From Original Entry Detail Record", refused=True),
        ChangeCode("C68", "DFI Account Number Not From Original Entry Detail Record", refused=True),
        ChangeCode("C69", "Incorrect Transaction Code", refused=True),
    )
}


@dataclass(frozen=True, slots=True)
class NocCorrection:
    """The correction that a bank asks for. A part that it does not correct is None.

    `problem` says why the correction must not be applied; every part is then None. It is "" where
    the correction may be applied.
    """

    code: str
    title: str = ""  # "" for a code that nobody published
    routing: str | None = None
    account_number: str | None = field(default=None, repr=False)
    transaction_code: str | None = None
    name: str | None = field(default=None, repr=False)
    individual_id: str | None = field(default=None, repr=False)
    problem: str = ""

    @property
    def account_type(self) -> AccountType | None:
        """Return the account type of the corrected transaction code: 2x checking, 3x savings."""
        if self.transaction_code is None:
            return None
        return _TYPES[self.transaction_code[0]]

    def corrected(self, account: BankAccount) -> BankAccount:
        """Return the account with the correction applied; unchanged where nothing is to apply.

        Raises BankDetailError where the result would not be a valid account.
        """
        if self.problem:
            return account
        return replace(
            account,
            routing=self.routing or account.routing,
            number=self.account_number or account.number,
            account_type=self.account_type or account.account_type,
            holder=self.name or account.holder,
        )


_TYPES = {"2": AccountType.CHECKING, "3": AccountType.SAVINGS}


def read_correction(code: str, corrected_data: str) -> NocCorrection:
    """Read the correction that `corrected_data` (at most 29 characters) makes under `code`.

    A correction with one invalid part is invalid as a whole: it is returned with a `problem`, which
    names the part and never its value.
    """
    known = CHANGE_CODES.get(code)
    if known is None:
        return NocCorrection(code, problem="unknown change code")
    if known.refused:
        return NocCorrection(code, known.title, problem="a refused notification corrects nothing")
    if not known.parts:
        return NocCorrection(code, known.title, problem="it corrects nothing of the account")
    if not _in_position(known, corrected_data):
        return NocCorrection(
            code, known.title, problem="the corrected data are not in the code's positions"
        )
    parts: dict[str, str] = {}
    for name, (first, last) in known.parts.items():
        value = corrected_data[first - 1 : last].strip()
        try:
            parts[name] = _CHECKS[name](value)
        except BankDetailError as error:
            return NocCorrection(code, known.title, problem=str(error))
    return NocCorrection(code, known.title, **parts)


def _in_position(known: ChangeCode, corrected_data: str) -> bool:
    """Return whether only the positions of the code's parts are filled.

    Otherwise a part is too long or shifted, and the text at its position may be half of another
    account's number.
    """
    rest = list(corrected_data)
    for first, last in known.parts.values():
        rest[first - 1 : last] = " " * len(rest[first - 1 : last])
    return not "".join(rest).strip()


def corrected_data(code: str, **parts: str) -> str:
    """Return the text that `read_correction` reads, as a bank would write it.

    Trailing blanks are left out. Raises ValueError for a part that the code does not correct, or
    that is too long.
    """
    text = [" "] * 29
    for name, value in parts.items():
        if name not in CHANGE_CODES[code].parts:
            raise ValueError(f"{code} does not correct {name}")
        first, last = CHANGE_CODES[code].parts[name]
        if len(value) > last - first + 1:
            raise ValueError(f"{name} is too long")
        text[first - 1 : first - 1 + len(value)] = value
    return "".join(text).rstrip()


def _check_transaction_code(code: str) -> str:
    """Return the code if it is one of a checking or savings account. Raises BankDetailError."""
    if len(code) == 2 and code[0] in _TYPES and code[1] in "12346789":
        return code
    raise BankDetailError("transaction_code", "must be that of a checking or savings account")


def _check_individual_id(text: str) -> str:
    """Return the text if there is any. Raises BankDetailError."""
    if not text:
        raise BankDetailError("individual_id", "must not be empty")
    return text


_CHECKS: dict[str, Callable[[str], str]] = {
    "routing": check_routing,
    "account_number": check_account_number,
    "transaction_code": _check_transaction_code,
    "name": check_holder,
    "individual_id": _check_individual_id,
}
