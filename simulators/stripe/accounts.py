"""Outcomes of payments, by the id of the connected account.

================================== ===============================================================
an id that begins with             what happens
================================== ===============================================================
``acct_simok``, and any other      transfers are made, payouts are paid
``acct_siminactive``               no ``transfers`` capability: 400
                                   ``insufficient_capabilities_for_transfer``
``acct_simpending``                the same, the capability being ``pending``
``acct_simunknown``                no such account: 400 ``resource_missing`` for a transfer, 403
                                   ``account_invalid`` where it is retrieved or acted for
``acct_simnobank``                 transfers are made; a payout finds no external account: 400
``acct_simnopayouts``              transfers are made; ``payouts_enabled`` is false, a payout is
                                   refused: 400 ``payouts_not_allowed``
``acct_simstuck``                  a payout stays ``in_transit``
``acct_simpayoutfails`` CODE       a payout fails instead of being paid
``acct_simfailslater`` CODE        a payout is paid, and fails later
================================== ===============================================================

CODE is a failure code without its underscores, ``accountclosed``; without one it is
``could_not_process``. More letters and digits may follow, ``acct_simpayoutfailsnoaccount0042``.
An account has one bank account, which takes every currency; at Stripe each takes its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from simulators.stripe.records import derived_id

_SHAPE = re.compile(r"acct_[a-zA-Z0-9]{1,50}")

# https://docs.stripe.com/api/payouts/failures
FAILURES: dict[str, str] = {
    "account_closed": "The bank account has been closed.",
    "account_frozen": "The bank account has been frozen.",
    "bank_account_restricted": (
        "The bank account has restrictions on either the type, or the number, of payouts allowed. "
        "This normally indicates that the bank account is a savings or other non-checking account."
    ),
    "bank_ownership_changed": (
        "The destination bank account is no longer valid because its branch has changed ownership."
    ),
    "could_not_process": "The bank could not process this payout.",
    "debit_not_authorized": (
        "Debit transactions are not approved on the bank account. (Stripe requires bank accounts "
        "to be set up for both credit and debit payouts.)"
    ),
    "declined": ("The bank has declined this transfer. Please contact the bank before retrying."),
    "insufficient_funds": "Your Stripe account has insufficient funds to cover the payout.",
    "invalid_account_number": (
        "The routing number seems correct, but the account number is invalid."
    ),
    "incorrect_account_holder_name": (
        "Your bank notified us that the bank account holder name on file is incorrect."
    ),
    "incorrect_account_holder_address": (
        "Your bank notified us that the bank account holder address on file is incorrect."
    ),
    "incorrect_account_holder_tax_id": (
        "Your bank notified us that the bank account holder tax ID on file is incorrect."
    ),
    "invalid_currency": (
        "The bank was unable to process this payout because of its currency. This is probably "
        "because the bank account cannot accept payments in that currency."
    ),
    "no_account": (
        "The bank account details on file are probably incorrect. No bank account could be "
        "located with those details."
    ),
    "unsupported_card": "The bank no longer supports payouts to this card.",
}
DEFAULT_FAILURE = "could_not_process"
_BY_WORD = {code.replace("_", ""): code for code in FAILURES}


@dataclass(frozen=True)
class AccountOutcome:
    """How an account behaves; ``failure`` is the code of its payouts, ``late`` means after paid.

    ``meaning`` is shown on the page.
    """

    meaning: str
    known: bool = True
    transfers: str = "active"
    payouts_enabled: bool = True
    bank: bool = True
    stuck: bool = False
    failure: str | None = None
    late: bool = False


OK = AccountOutcome("transfers are made, payouts are paid")
# Prefix of an account's id after ``acct_sim``.
BY_PREFIX: dict[str, AccountOutcome] = {
    "ok": OK,
    "inactive": AccountOutcome(
        "insufficient_capabilities_for_transfer", transfers="inactive", payouts_enabled=False
    ),
    "pending": AccountOutcome(
        "insufficient_capabilities_for_transfer, the capability being pending",
        transfers="pending",
        payouts_enabled=False,
    ),
    "unknown": AccountOutcome("resource_missing for a transfer, else account_invalid", known=False),
    "nobank": AccountOutcome("a payout finds no external account", bank=False),
    "nopayouts": AccountOutcome("a payout is refused, payouts_not_allowed", payouts_enabled=False),
    "stuck": AccountOutcome("a payout stays in_transit", stuck=True),
    "payoutfails": AccountOutcome(
        "a payout fails; a failure code may follow, accountclosed", failure=DEFAULT_FAILURE
    ),
    "failslater": AccountOutcome(
        "a payout is paid and fails later; a failure code may follow",
        failure=DEFAULT_FAILURE,
        late=True,
    ),
}


def outcome_for(account: str) -> AccountOutcome:
    """Return the outcome for an account's id; a malformed id is an unknown account."""
    if not _SHAPE.fullmatch(account):
        return BY_PREFIX["unknown"]
    word = account.removeprefix("acct_sim")
    if word == account:
        return OK
    for prefix, outcome in BY_PREFIX.items():
        if word.startswith(prefix):
            return _with_code(outcome, word.removeprefix(prefix)) if outcome.failure else outcome
    return OK


def _with_code(outcome: AccountOutcome, word: str) -> AccountOutcome:
    # The longest match, in case one code is ever the beginning of another.
    found = max((each for each in _BY_WORD if word.startswith(each)), key=len, default="")
    return replace(outcome, failure=_BY_WORD.get(found, DEFAULT_FAILURE))


def bank_of(account: str) -> str:
    """Return the id of an account's one bank account."""
    return derived_id("ba_", account)


def account_body(account: str, outcome: AccountOutcome, schedule: str) -> dict[str, Any]:
    """Return an account (https://docs.stripe.com/api/accounts/object), as far as payments go."""
    banks = [_bank_body(account)] if outcome.bank else []
    return {
        "id": account,
        "object": "account",
        "business_type": "individual",
        "capabilities": {"transfers": outcome.transfers},
        "charges_enabled": False,
        "country": "US",
        "created": 1_700_000_000,
        "default_currency": "usd",
        "details_submitted": outcome.transfers != "inactive",
        "email": None,
        "external_accounts": {
            "object": "list",
            "data": banks,
            "has_more": False,
            "url": f"/v1/accounts/{account}/external_accounts",
        },
        "metadata": {},
        "payouts_enabled": outcome.payouts_enabled and outcome.bank,
        "requirements": _requirements(outcome),
        "settings": {"payouts": {"schedule": {"interval": schedule}}},
        "type": "express",
    }


def _bank_body(account: str) -> dict[str, Any]:
    return {
        "id": bank_of(account),
        "object": "bank_account",
        "account": account,
        "bank_name": "STRIPE TEST BANK",
        "country": "US",
        "currency": "usd",
        "default_for_currency": True,
        "last4": "6789",
        "metadata": {},
        "status": "new",
    }


def _requirements(outcome: AccountOutcome) -> dict[str, Any]:
    due = [] if outcome.bank else ["external_account"]
    if outcome.transfers == "inactive":
        due.append("individual.verification.document")
    return {
        "currently_due": due,
        "eventually_due": due,
        "past_due": [],
        "pending_verification": ["individual.id_number"] if outcome.transfers == "pending" else [],
        "disabled_reason": None if outcome.transfers == "active" else "requirements.past_due",
        "errors": [],
    }
