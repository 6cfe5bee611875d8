"""What a bank's return codes mean for a credit, and what can be done: for each published code.

What a code says is `banking.returns`; what follows from it for a payment that we have sent is here.
Codes of debits, cheques and enrollments are no answers to a credit: the bank is asked about them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from paymentapp.banking import return_reason
from paymentapp.banking.returns import ReturnKind, ReturnReason
from paymentapp.models.explanations import Explanation, explained, find_explanation

_CODE = re.compile(r"\bR[0-9]{2}\b")
_NOT_SENT = "not sent, "  # begins the reason of a payment to an account that is blocked
_NEW_DETAILS = (
    "Ask the payee for the details of an account that can be paid, and record them with the "
    "customer: the present ones are not used any more.",
    "Then retry the payment.",
)
_ASK_OUR_BANK = (
    "Ask our bank, with the trace number below, what happened.",
    "Retry the payment once that is settled.",
)
_WAIT = ("Nothing needs to be done: a bank reports only what comes back.",)
# Codes that ask for more than new details or a call to our bank.
_SPECIAL: Mapping[str, tuple[str, ...]] = {
    "R06": ("Find out who asked our bank for it, and why, before the payment is retried.",),
    "R14": (
        "Find out with the payee's family or institution who may receive the money.",
        "Do not retry to this account.",
    ),
    "R15": (
        "Find out with the payee's family or estate who may receive the money.",
        "Do not retry to this account.",
    ),
    "R16": (
        "Have your compliance officer decide before this payee is paid in any way: the bank, a "
        "court or the sanctions authority (OFAC) has closed the account.",
    ),
    "R19": ("Compare the amount with what was meant, and request a new payment.",),
    "R23": (
        "Ask the payee why they refused the money, and whether they want it elsewhere.",
        "Record the account that they name with the customer; then retry the payment.",
    ),
    "R24": (
        "Look at the customer's other payments: was the same meant to be paid twice?",
        "If it was, retry the payment on another day.",
    ),
    "R31": ("Find out with our bank why it agreed to the late return.",),
    "R32": _ASK_OUR_BANK,
    "R90": (
        "Have your compliance officer decide before this payee is paid in any way: sanctions "
        "forbid the bank to take the money.",
    ),
}
# Codes about how the entry was made, without a fault of the account.
_OUR_ENTRY = {"R18", "R21", "R22", "R25", "R26", "R27", "R36", "R80", "R81", "R83", "R84"}
_MEND_ENTRY = (
    "Tell whoever runs the service: the entry itself, or our agreement with the bank, has a "
    "fault that other payments may have too.",
    "Retry the payment once that is settled.",
)

EXPLANATIONS: Mapping[str, Explanation] = {
    "ACCOUNT_BLOCKED": explained(
        "It was not sent: an earlier payment to this account came back, and the account must not "
        "be used again.",
        *_NEW_DETAILS,
    ),
    "DETAILS_CORRECTED": explained(
        "The bank has corrected the account's details while the payment waited.",
        "Retry the payment: it goes to the corrected details.",
    ),
    "NOT_AN_ENTRY": explained(
        "The payee's details or the payment's texts cannot be written in a bank file; the words "
        "above name the field.",
        "Mend the field that is named, with the customer or in a new request.",
        "Then retry the payment.",
    ),
    "TOTAL_TOO_LARGE": explained(
        "The amount is more than an entry of a bank file holds.", "Request smaller payments."
    ),
    "PRENOTE_ABANDONED": explained(
        "The test entry that has to go before the first payment could not be made.",
        "Retry the payment; if it fails again, tell whoever runs the service.",
    ),
    "PRENOTE_RETURNED": explained(
        "The test entry that goes before the first payment to an account came back.", *_NEW_DETAILS
    ),
    "UPLOADED": explained("The bank has the file, and pays on its effective date.", *_WAIT),
    "ACKNOWLEDGED": explained(
        "The payee's bank has acknowledged the payment; it counts as paid once the time for "
        "returns is over.",
        *_WAIT,
    ),
    "DELIVERING": explained("The file is being given to the bank.", *_WAIT),
    "DOUBTFUL": explained(
        "It is not known whether the bank has the file.",
        "Ask our bank, and record its answer with the parked batch. Do not pay again meanwhile.",
    ),
}


def explain_return(text: str) -> Explanation | None:
    """Return the explanation of a reason or a status; also of one that quotes a return code."""
    known = find_explanation(EXPLANATIONS, "ACCOUNT_BLOCKED" if _NOT_SENT in text else text)
    code = _CODE.search(text)
    if known is not None or code is None:
        return known
    return _of_return(return_reason(code[0]))


def _of_return(reason: ReturnReason) -> Explanation:
    if not reason.known:
        meaning = (
            f"The bank sent the payment back, with a code that nobody publishes: {reason.code}."
        )
    else:
        meaning = f"The bank sent the payment back: {reason.title}. {reason.words}"
    return Explanation(meaning, _steps(reason))


def _steps(reason: ReturnReason) -> tuple[str, ...]:
    if reason.kind in {ReturnKind.DISHONORED, ReturnKind.CONTESTED}:
        return (
            "The banks disagree about a return: ask our bank where the money is, with the trace "
            "number below, before anything is paid again.",
        )
    if reason.code in _SPECIAL:
        return _SPECIAL[reason.code]
    if reason.code in _OUR_ENTRY:
        return _MEND_ENTRY
    return _NEW_DETAILS if reason.stop_using else _ASK_OUR_BANK
