"""What OpenACH's statuses and refusals mean for a payment, and what can be done.

A bank's return codes are those of `banking.returns`: an operator records them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from paymentapp.banking import return_reason
from paymentapp.models.explanations import Explanation, explained, find_explanation

_CODE = re.compile(r"\bR[0-9]{2}\b")
_WAIT = ("Nothing needs to be done: the outcome is shown here once it is known.",)
_LOOK = (
    "Look at the profile with the id below in OpenACH, and ask whoever runs that server whether an "
    "entry was made, and whether its file went to the bank.",
    "Record what is found: as paid, or as returned. Do not pay again before.",
)
_ASK_BANK = (
    "Ask the bank that sends OpenACH's files what happened, with payee, amount and date.",
    "Retry the payment once that is settled.",
)
_NEW_DETAILS = (
    "Ask the payee for the details of an account that can be paid, and record them with the "
    "customer.",
    "Then retry the payment.",
)

EXPLANATIONS: Mapping[str, Explanation] = {
    "SCHEDULED": explained(
        "OpenACH has the payment, and makes an entry of it in one of its next nightly runs.", *_WAIT
    ),
    "ENTERED": explained(
        "OpenACH has made an entry for the bank. It does not say whether the bank has it; the "
        "payment counts as paid once the time for returns is over.",
        *_WAIT,
    ),
    "NOT_RETURNED_IN_TIME": explained(
        "OpenACH has made an entry for the bank, and no return was recorded in the time in which "
        "banks send them. No one has confirmed that the money arrived.",
        "Where the payee has no money, look at the bank's statement, and record the return.",
    ),
    "CONFIRMED": explained("A person has recorded that it was paid.", *_WAIT),
    "RETURNED": explained(
        "A person has recorded that the money came back, without the bank's code.", *_ASK_BANK
    ),
    "MISSED": explained(
        "No nightly run of OpenACH has taken the payment, and none will any more: it seems that "
        "nobody was paid.",
        *_LOOK,
    ),
    "SUSPENDED": explained(
        "In OpenACH the profile, the account or the schedule is not enabled: no nightly run takes "
        "the payment as long as it is so.",
        *_LOOK,
    ),
    "DELETED": explained(
        "The payment's profile or schedule is no longer in OpenACH. If an entry was made before, "
        "it is paid all the same.",
        *_LOOK,
    ),
    "DIFFERS": explained("What OpenACH has now is not what was sent to it.", *_LOOK),
    "REFUSED_FIELDS": explained(
        "OpenACH refuses the fields that the reason names; nothing was made.",
        "Mend the payee's details, or tell whoever runs the service.",
        "Then retry the payment.",
    ),
    "TOO_LATE": explained(
        "It was not made in OpenACH before its dates were over, and nothing was paid.",
        "Retry the payment.",
    ),
    "NOT_AN_ORDER": explained(
        "OpenACH pays US dollars to a US bank account, and this payment is not of that kind.",
        "Record the payee's account with the customer, or pay by another method.",
    ),
}


def explain_outcome(text: str) -> Explanation | None:
    """Return the explanation of a reason or a status; also of one that quotes a return code."""
    known = find_explanation(EXPLANATIONS, text)
    code = _CODE.search(text)
    if known is not None or code is None:
        return known
    reason = return_reason(code[0])
    if not reason.known:
        words = f"The bank sent the payment back, with a code that nobody publishes: {code[0]}."
        return explained(words, *_ASK_BANK)
    steps = _NEW_DETAILS if reason.stop_using else _ASK_BANK
    return explained(f"The bank sent the payment back: {reason.title}. {reason.words}", *steps)
