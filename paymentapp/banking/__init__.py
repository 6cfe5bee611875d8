"""Rules of US bank payments: accounts, banking days, return and change codes."""

from paymentapp.banking.changes import (
    CHANGE_CODES,
    ChangeCode,
    NocCorrection,
    corrected_data,
    read_correction,
)
from paymentapp.banking.days import (
    EASTERN,
    SAME_DAY_LIMIT,
    SAME_DAY_WINDOWS,
    Departure,
    Window,
    add_banking_days,
    fits_same_day,
    is_banking_day,
    next_banking_day,
    next_departure,
)
from paymentapp.banking.descriptions import RESERVED_DESCRIPTIONS, RETRY_PAYMENT, REVERSAL
from paymentapp.banking.names import transliterated_name
from paymentapp.banking.returns import RETURN_REASONS, ReturnKind, ReturnReason, return_reason
from paymentapp.banking.routing import (
    RECEIVING_PREFIXES,
    AccountType,
    BankAccount,
    BankDetailError,
    check_account_number,
    check_account_type,
    check_holder,
    check_routing,
    has_check_digit,
)

__all__ = [
    "CHANGE_CODES",
    "EASTERN",
    "RECEIVING_PREFIXES",
    "RESERVED_DESCRIPTIONS",
    "RETRY_PAYMENT",
    "RETURN_REASONS",
    "REVERSAL",
    "SAME_DAY_LIMIT",
    "SAME_DAY_WINDOWS",
    "AccountType",
    "BankAccount",
    "BankDetailError",
    "ChangeCode",
    "Departure",
    "NocCorrection",
    "ReturnKind",
    "ReturnReason",
    "Window",
    "add_banking_days",
    "check_account_number",
    "check_account_type",
    "check_holder",
    "check_routing",
    "corrected_data",
    "fits_same_day",
    "has_check_digit",
    "is_banking_day",
    "next_banking_day",
    "next_departure",
    "read_correction",
    "return_reason",
    "transliterated_name",
]
