"""Accounts and balances: ``GET /v1/accounts/{id}``, ``/v1/account`` and ``/v1/balance``.

https://docs.stripe.com/api/accounts/retrieve, https://docs.stripe.com/api/balance
"""

from __future__ import annotations

from typing import Any

from flask import Response, g

from simulators.stripe.accounts import AccountOutcome, account_body, outcome_for
from simulators.stripe.api import answer_json, new_blueprint
from simulators.stripe.bodies import balance_body
from simulators.stripe.core import running_stripe
from simulators.stripe.currencies import DECIMALS, LARGEST
from simulators.stripe.errors import no_access
from simulators.stripe.forms import check_names, read_query
from simulators.stripe.transfers import bank_balance, connected_funds, platform_balance

blueprint = new_blueprint("balance")


@blueprint.get("/accounts/<account_id>")
def show_account(account_id: str) -> Response:
    """Return an account; 403 ``account_invalid`` where it is unknown."""
    check_names(read_query(), ())
    outcome = outcome_for(account_id)
    if not outcome.known:
        raise no_access(g.stripe_key, account_id)
    return answer_json(_account(account_id, outcome))


@blueprint.get("/account")
def show_own_account() -> Response:
    """Return the account that is acted for."""
    check_names(read_query(), ())
    return answer_json(_account(g.stripe_account, outcome_for(g.stripe_account)))


@blueprint.get("/balance")
def show_balance() -> Response:
    """Return the balance; where the settings set no limit, the platform has a large one."""
    check_names(read_query(), ())
    stripe = running_stripe()
    with stripe.books() as books:
        if g.stripe_account == stripe.settings.account_id:
            available = dict.fromkeys(DECIMALS, LARGEST) | platform_balance(books)
            return answer_json(balance_body(available, bank_balance(books)))
        codes = books.connected_balance(g.stripe_account) or {"USD": 0}
        theirs = {code: connected_funds(books, g.stripe_account, code) for code in codes}
    return answer_json(balance_body(theirs))


def _account(account_id: str, outcome: AccountOutcome) -> dict[str, Any]:
    return account_body(account_id, outcome, running_stripe().settings.payout_schedule)
