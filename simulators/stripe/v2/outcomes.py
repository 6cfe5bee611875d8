"""Outcomes of outbound payments, by the id of the payout method.

============================== ===================================================================
an id that begins with         what happens
============================== ===================================================================
``usba_simok``, and any other  payments are posted
``usba_simstuck``              a payment stays ``processing``, and can be cancelled
``usba_simreview``             a payment stays ``processing``, under review, and cannot
``usba_simfails`` NN           a payment fails, for the reason of this number
``usba_simback`` NN            a payment is posted, and returned later for the reason of this number
``usba_simineligible``         ``usage_status.payments`` is ``ineligible``
``usba_simarchived``           the method is archived
``usba_simrestricted``         the method is restricted
``usba_simeuro``               the method takes EUR alone
``usba_simunknown``            there is no such method: 404
============================== ===================================================================

A bank account of which the number begins with one of these words, ``FAILS02...``, becomes such a
method; one with ``REFUSED`` is refused when it is set up.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

# The reasons of stripe.v2.money_management.OutboundPayment.StatusDetails, in its order.
FAILED = (
    "fx_rate_drift_exceeded_after_review",
    "payout_method_amount_limit_exceeded",
    "payout_method_declined",
    "payout_method_does_not_exist",
    "payout_method_expired",
    "payout_method_unsupported",
    "payout_method_usage_frequency_limit_exceeded",
    "review_rejected",
    "unknown_failure",
)
RETURNED = (
    "payout_method_canceled_by_customer",
    "payout_method_closed",
    "payout_method_currency_unsupported",
    "payout_method_does_not_exist",
    "payout_method_holder_address_incorrect",
    "payout_method_holder_details_incorrect",
    "payout_method_holder_name_incorrect",
    "payout_method_invalid_account_number",
    "payout_method_restricted",
    "recalled",
    "unknown_failure",
)


@dataclass(frozen=True)
class MethodOutcome:
    """How a payout method behaves."""

    known: bool = True
    usage: str = "eligible"
    archived: bool = False
    restricted: bool = False
    currencies: tuple[str, ...] = ()  # empty: all
    stuck: bool = False
    review: bool = False
    failed: str | None = None
    returned: str | None = None


_BY_WORD = {
    "stuck": MethodOutcome(stuck=True),
    "review": MethodOutcome(stuck=True, review=True),
    "fails": MethodOutcome(failed=FAILED[-1]),
    "back": MethodOutcome(returned=RETURNED[-1]),
    "ineligible": MethodOutcome(usage="ineligible"),
    "archived": MethodOutcome(archived=True),
    "restricted": MethodOutcome(restricted=True),
    "euro": MethodOutcome(currencies=("eur",)),
    "unknown": MethodOutcome(known=False),
}
REFUSED = "REFUSED"


def method_outcome(method_id: str) -> MethodOutcome:
    """Return the outcome for a payout method's id."""
    found = re.match(r"[a-z]+_sim([a-z]+)([0-9]{2})?", method_id)
    outcome = _BY_WORD.get(found[1], MethodOutcome()) if found else MethodOutcome()
    number = int(found[2]) if found and found[2] else None
    if number is None:
        return outcome
    if outcome.failed:
        return replace(outcome, failed=FAILED[number % len(FAILED)])
    if outcome.returned:
        return replace(outcome, returned=RETURNED[number % len(RETURNED)])
    return outcome


def word_of(account_number: str) -> str:
    """Return the word, with its number, that an account number begins with; else ``ok``."""
    for word in _BY_WORD:
        if account_number.startswith(word.upper()):
            digits = re.match(r"[0-9]{2}", account_number[len(word) :])
            return word + (digits[0] if digits else "")
    return "ok"
