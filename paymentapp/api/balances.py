"""Balances over HTTP: what the accounts have, and what is to be paid from them."""

from __future__ import annotations

from collections.abc import Sequence

from paymentapp.api import examples
from paymentapp.api.blueprint import Blueprint, services
from paymentapp.models.actors import PAYMENTS_READ
from paymentapp.models.balances import AccountBalance
from paymentapp.schemas.balances import BalancesSchema

blp = Blueprint("balances", __name__, description="Balances: what can be paid from.")


@blp.route("/v1/api/balances")
@blp.requires(PAYMENTS_READ)
@blp.response(200, BalancesSchema, description="The balances", example=examples.BALANCES)
@blp.documents()
def show_balances() -> dict[str, Sequence[AccountBalance]]:
    """Show what the accounts at the providers have, and what is to be paid from them.

    The service asks the providers once a minute, and not for this request.
    """
    return {"balances": services().balances.shown()}
