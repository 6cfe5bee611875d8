"""The Payouts API: pay out a connected account's balance to its bank, with ``Stripe-Account``.

https://docs.stripe.com/api/payouts. A payout is ``pending``, then ``in_transit``, then ``paid`` or
``failed``; "some payouts that fail might initially show as paid, then change to failed".
"""

from __future__ import annotations

from typing import Any

from flask import Response, g

from simulators.common.times import DAY, span
from simulators.stripe.accounts import AccountOutcome, bank_of, outcome_for
from simulators.stripe.api import PAGE_NAMES, answer_json, find, new_blueprint, read_page
from simulators.stripe.bodies import body_of, listed
from simulators.stripe.books import ListFilter, StripeBooks
from simulators.stripe.core import StripeSimulator, running_stripe
from simulators.stripe.errors import INSUFFICIENT_FOR_PAYOUT, Refusal, missing
from simulators.stripe.events import announce, schedule_events, unschedule_events
from simulators.stripe.forms import (
    Params,
    amount,
    check_names,
    choice,
    currency,
    metadata,
    read_query,
    text,
    time_bounds,
)
from simulators.stripe.idempotency import StripeRequest, perform
from simulators.stripe.records import NEVER, new_id
from simulators.stripe.transfers import (
    SOURCES,
    MetadataChange,
    annotated,
    connected_funds,
    platform_funds,
    read_change,
)

blueprint = new_blueprint("payouts")

MAX_DESCRIPTOR = 22
# in_transit is not among the published values, and matches everything:
# https://github.com/stripe/stripe-node/issues/1509
LISTED_STATUSES = ("pending", "paid", "failed", "canceled", "in_transit")


@blueprint.post("/payouts")
def create_payout() -> Response:
    """Create a payout.

    400 ``balance_insufficient``, ``payouts_not_allowed``, or no external account.
    https://docs.stripe.com/api/payouts/create
    """
    return perform(_read_payout, _make_payout)


@blueprint.get("/payouts")
def list_payouts() -> Response:
    """List the account's payouts, newest first.

    https://docs.stripe.com/api/payouts/list
    """
    params = read_query()
    check_names(params, (*PAGE_NAMES, "created", "arrival_date", "status", "destination"))
    filters = [ListFilter("account", "=", g.stripe_account)]
    for name, column in (("created", "created_at"), ("arrival_date", "arrival_at")):
        filters += [ListFilter(column, *bound) for bound in time_bounds(params, name)]
    status = text(params, "status") and choice(params, "status", LISTED_STATUSES)
    if status not in (None, "in_transit"):
        filters.append(ListFilter("status", "=", status))
    destination = text(params, "destination")
    if destination is not None:
        filters.append(ListFilter("destination", "=", destination))
    with running_stripe().books() as books:
        found, more = books.page("payout", filters, read_page(params, books, "payout", filters))
        bodies = [body_of(books, move) for move in found]
    return answer_json(listed(bodies, "/v1/payouts", has_more=more))


@blueprint.get("/payouts/<payout_id>")
def show_payout(payout_id: str) -> Response:
    """Return a payout; 404 ``resource_missing``, also where it is another account's.

    https://docs.stripe.com/api/payouts/retrieve
    """
    check_names(read_query(), ())
    with running_stripe().books() as books:
        return answer_json(body_of(books, find(books, "payout", payout_id, g.stripe_account)))


@blueprint.post("/payouts/<payout_id>")
def update_payout(payout_id: str) -> Response:
    """Change metadata.

    https://docs.stripe.com/api/payouts/update
    """

    def act(ask: StripeRequest, books: StripeBooks, change: MetadataChange) -> dict[str, Any]:
        move = find(books, "payout", payout_id, ask.account)
        return annotated(ask, books, move, change, "payout.updated")

    return perform(lambda params: read_change(params, ("metadata",)), act)


@blueprint.post("/payouts/<payout_id>/cancel")
def cancel_payout(payout_id: str) -> Response:
    """Cancel a payout that is ``pending``; 400 for any other.

    https://docs.stripe.com/api/payouts/cancel
    """

    def act(ask: StripeRequest, books: StripeBooks, _: None) -> dict[str, Any]:
        move = find(books, "payout", payout_id, ask.account)
        if move.status != "pending":
            message = f"Payouts can only be canceled while pending; {move.id} is {move.status}."
            raise Refusal(400, message)
        books.cancel(move.id)
        unschedule_events(ask.stripe, books, move)
        canceled = find(books, "payout", payout_id, ask.account)
        announce(ask.stripe, books, canceled, "payout.canceled", ask.origin)
        return body_of(books, canceled)

    return perform(lambda params: check_names(params, ()), act)


def _read_payout(params: Params) -> dict[str, Any]:
    names = ("amount", "currency", "description", "destination", "metadata", "method")
    check_names(params, (*names, "source_type", "statement_descriptor"))
    choice(params, "source_type", SOURCES)
    code = currency(params)
    return {
        "amount": amount(params, code, payout=True),
        "currency": code,
        "destination": text(params, "destination"),
        "description": text(params, "description"),
        "metadata": {key: value for key, value in metadata(params).items() if value},
        "method": choice(params, "method", ("standard", "instant")),
        "source_type": text(params, "source_type"),
        "statement_descriptor": text(params, "statement_descriptor", MAX_DESCRIPTOR),
    }


def _make_payout(ask: StripeRequest, books: StripeBooks, wanted: dict[str, Any]) -> dict[str, Any]:
    outcome = outcome_for(ask.account)
    bank = bank_of(ask.account)
    if not outcome.payouts_enabled:
        message = "Payouts are not enabled for this account."
        raise Refusal(400, message, code="payouts_not_allowed")
    if not outcome.bank:
        message = "Sorry, you don't have any external accounts in that currency ({})."
        raise Refusal(400, message.format(wanted["currency"].lower()))
    if wanted["destination"] not in (None, bank):
        raise missing("external account", wanted["destination"], "destination")
    available = _available(ask, books, wanted["currency"], wanted["source_type"])
    if available is not None and wanted["amount"] > available:
        raise Refusal(400, INSUFFICIENT_FOR_PAYOUT, code="balance_insufficient")
    owner = {"id": new_id("po_"), "kind": "payout", "account": ask.account, "destination": bank}
    times = _times(ask.stripe, outcome, books.now)
    move = books.add(wanted | owner | times | {"idempotency_key": ask.key})
    announce(ask.stripe, books, move, "payout.created", ask.origin)
    schedule_events(ask.stripe, books, move)
    return body_of(books, move)


def _available(
    ask: StripeRequest, books: StripeBooks, code: str, source_type: str | None
) -> int | None:
    """Return what the account can pay out in a currency; None where it has no limit."""
    if ask.account == ask.stripe.settings.account_id:
        return platform_funds(books, code, source_type)
    return connected_funds(books, ask.account, code)


def _times(stripe: StripeSimulator, outcome: AccountOutcome, now: int) -> dict[str, Any]:
    """Return the times of a payout's changes; it arrives on the day of the bank's answer."""
    delay = span(stripe.settings.payout_delay)
    settle_at = now + delay
    failed_at = None
    if outcome.failure is not None:
        failed_at = settle_at + (span(stripe.settings.failure_delay) if outcome.late else 0)
    return {
        "transit_at": now + delay // 2,
        "settle_at": NEVER if outcome.stuck else settle_at,
        "failed_at": failed_at,
        "failure_code": outcome.failure,
        "arrival_at": settle_at // DAY * DAY,
    }
