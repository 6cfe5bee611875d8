"""The Transfers API: move money from the platform to a connected account, and back.

https://docs.stripe.com/api/transfers, https://docs.stripe.com/api/transfer_reversals
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from flask import Response, g

from simulators.stripe.accounts import outcome_for
from simulators.stripe.api import PAGE_NAMES, answer_json, find, new_blueprint, read_page
from simulators.stripe.bodies import balance_transaction_body, body_of, listed
from simulators.stripe.books import ListFilter, StripeBooks
from simulators.stripe.core import running_stripe
from simulators.stripe.currencies import minor_units
from simulators.stripe.errors import (
    INSUFFICIENT_FOR_PAYOUT,
    INSUFFICIENT_FOR_TRANSFER,
    NO_CAPABILITY,
    Refusal,
    StripeError,
    missing,
)
from simulators.stripe.events import announce
from simulators.stripe.forms import (
    Params,
    amount,
    check_count,
    check_names,
    choice,
    currency,
    expanded,
    integer,
    metadata,
    read_query,
    required,
    text,
    time_bounds,
)
from simulators.stripe.idempotency import StripeRequest, perform
from simulators.stripe.records import StripeMove, new_id

blueprint = new_blueprint("transfers")

SOURCES = ("card", "bank_account", "fpx")


class MetadataChange(NamedTuple):
    """The changes of an update; an empty metadata value unsets its key."""

    metadata: dict[str, str]
    unset_all: bool
    description: str | None
    has_description: bool


@blueprint.before_request
def require_platform() -> None:
    """Refuse calls for a connected account: only the platform makes transfers."""
    if g.stripe_account != running_stripe().settings.account_id:
        message = "Only Stripe Connect platforms can work with other accounts."
        raise StripeError(403, message)


@blueprint.post("/transfers")
def create_transfer() -> Response:
    """Create a transfer.

    400 ``balance_insufficient``, ``insufficient_capabilities_for_transfer``, ``resource_missing``.
    https://docs.stripe.com/api/transfers/create
    """
    return perform(_read_transfer, _make_transfer)


@blueprint.get("/transfers")
def list_transfers() -> Response:
    """List transfers, newest first.

    https://docs.stripe.com/api/transfers/list
    """
    params = read_query()
    check_names(params, (*PAGE_NAMES, "created", "destination", "transfer_group"))
    filters = [ListFilter("created_at", *bound) for bound in time_bounds(params, "created")]
    for name in ("destination", "transfer_group"):
        value = text(params, name)
        if value is not None:
            filters.append(ListFilter(name, "=", value))
    with running_stripe().books() as books:
        found, more = books.page("transfer", filters, read_page(params, books, "transfer", filters))
        bodies = [body_of(books, move) for move in found]
    return answer_json(listed(bodies, "/v1/transfers", has_more=more))


@blueprint.get("/transfers/<transfer_id>")
def show_transfer(transfer_id: str) -> Response:
    """Return a transfer; 404 ``resource_missing``.

    Its balance transaction can be expanded.
    https://docs.stripe.com/api/transfers/retrieve
    """
    params = read_query()
    check_names(params, (), expandable=("balance_transaction",))
    with running_stripe().books() as books:
        move = find(books, "transfer", transfer_id, g.stripe_account)
        body = body_of(books, move)
    if expanded(params):
        body["balance_transaction"] = balance_transaction_body(move)
    return answer_json(body)


@blueprint.post("/transfers/<transfer_id>")
def update_transfer(transfer_id: str) -> Response:
    """Change metadata and description.

    https://docs.stripe.com/api/transfers/update
    """

    def act(ask: StripeRequest, books: StripeBooks, change: MetadataChange) -> dict[str, Any]:
        move = find(books, "transfer", transfer_id, ask.account)
        return annotated(ask, books, move, change, "transfer.updated")

    return perform(read_change, act)


@blueprint.post("/transfers/<transfer_id>/reversals")
def create_reversal(transfer_id: str) -> Response:
    """Reverse all or part of a transfer, never more than is left of it.

    The connected account must have the money: "available balance is greater than the reversal
    amount" (https://docs.stripe.com/connect/separate-charges-and-transfers#reverse-transfers).
    https://docs.stripe.com/api/transfer_reversals/create
    """

    def act(ask: StripeRequest, books: StripeBooks, wanted: dict[str, Any]) -> dict[str, Any]:
        return _reverse(ask, books, find(books, "transfer", transfer_id, ask.account), wanted)

    return perform(_read_reversal, act)


@blueprint.get("/transfers/<transfer_id>/reversals")
def list_reversals(transfer_id: str) -> Response:
    """List a transfer's reversals, newest first."""
    params = read_query()
    check_names(params, PAGE_NAMES)
    with running_stripe().books() as books:
        find(books, "transfer", transfer_id, g.stripe_account)
        filters = [ListFilter("transfer", "=", transfer_id)]
        found, more = books.page("reversal", filters, read_page(params, books, "reversal", filters))
        bodies = [body_of(books, move) for move in found]
    url = f"/v1/transfers/{transfer_id}/reversals"
    return answer_json(listed(bodies, url, has_more=more))


@blueprint.get("/transfers/<transfer_id>/reversals/<reversal_id>")
def show_reversal(transfer_id: str, reversal_id: str) -> Response:
    """Return one reversal; 404 ``resource_missing``."""
    check_names(read_query(), ())
    with running_stripe().books() as books:
        move = books.move("reversal", reversal_id)
        if move is None or move.transfer != transfer_id:
            raise missing("transfer reversal", reversal_id, "id", 404)
        return answer_json(body_of(books, move))


def _read_transfer(params: Params) -> dict[str, Any]:
    names = ("amount", "currency", "destination", "description", "metadata")
    check_names(params, (*names, "source_transaction", "source_type", "transfer_group"))
    choice(params, "source_type", SOURCES)
    code = currency(params)
    return {
        "amount": amount(params, code),
        "currency": code,
        "destination": required(params, "destination"),
        "description": text(params, "description"),
        "metadata": {key: value for key, value in metadata(params).items() if value},
        "transfer_group": text(params, "transfer_group"),
        "source_transaction": text(params, "source_transaction"),
        "source_type": text(params, "source_type"),
    }


def _make_transfer(
    ask: StripeRequest, books: StripeBooks, wanted: dict[str, Any]
) -> dict[str, Any]:
    source = wanted.pop("source_transaction")
    if source is not None:
        raise missing("charge", source, "source_transaction")
    outcome = outcome_for(wanted["destination"])
    if not outcome.known:
        raise missing("destination", wanted["destination"], "destination")
    if outcome.transfers != "active":
        raise Refusal(400, NO_CAPABILITY, code="insufficient_capabilities_for_transfer")
    available = platform_funds(books, wanted["currency"], wanted["source_type"])
    if available is not None and wanted["amount"] > available:
        raise Refusal(400, INSUFFICIENT_FOR_TRANSFER, code="balance_insufficient")
    owner = {"id": new_id("tr_"), "kind": "transfer", "account": ask.account}
    move = books.add(wanted | owner | {"idempotency_key": ask.key})
    announce(ask.stripe, books, move, "transfer.created", ask.origin)
    return body_of(books, move)


def platform_balance(books: StripeBooks) -> dict[str, int]:
    """Return the platform's `card` balance in the currencies that the settings limit."""
    return _funds_of(books, "card", running_stripe().settings.balance)


def bank_balance(books: StripeBooks) -> dict[str, int]:
    """Return the platform's `bank_account` balance in the currencies that it has."""
    return _funds_of(books, "bank_account", running_stripe().settings.bank_balance)


def platform_funds(books: StripeBooks, code: str, source_type: str | None) -> int | None:
    """Return what a transfer or payout may draw from; None where there is no limit."""
    if source_type in (None, "card"):
        return platform_balance(books).get(code)
    return bank_balance(books).get(code, 0) if source_type == "bank_account" else 0


def connected_funds(books: StripeBooks, account: str, code: str) -> int:
    """Return what a connected account has; nothing where Stripe pays it out by a schedule."""
    if running_stripe().settings.payout_schedule != "manual":
        return 0
    return books.connected_balance(account).get(code, 0)


def _funds_of(books: StripeBooks, source_type: str, start: Mapping[str, str]) -> dict[str, int]:
    change = books.platform_change(running_stripe().settings.account_id)
    return {
        code: minor_units(code, value) + change.get((code, source_type), 0)
        for code, value in start.items()
    }


def _read_reversal(params: Params) -> dict[str, Any]:
    check_names(params, ("amount", "description", "metadata", "refund_application_fee"))
    value = text(params, "amount")
    choice(params, "refund_application_fee", ("false", "true"))
    return {
        "amount": None if value is None else integer(value, "amount"),
        "description": text(params, "description"),
        "metadata": {key: value for key, value in metadata(params).items() if value},
    }


def _reverse(
    ask: StripeRequest, books: StripeBooks, transfer: StripeMove, wanted: dict[str, Any]
) -> dict[str, Any]:
    left = transfer.amount - transfer.amount_reversed
    reversed_units = left if wanted["amount"] is None else wanted["amount"]
    if left == 0:
        raise Refusal(400, f"Transfer {transfer.id} has already been fully reversed.")
    if reversed_units > left:
        message = (
            f"Transfer reversal amount ({reversed_units}) is greater than unreversed amount on "
            f"transfer ({left})"
        )
        raise Refusal(400, message, param="amount")
    if reversed_units > connected_funds(books, transfer.destination, transfer.currency):
        raise Refusal(400, INSUFFICIENT_FOR_PAYOUT, code="balance_insufficient")
    owner = {"id": new_id("trr_"), "kind": "reversal", "account": ask.account}
    copied = {name: getattr(transfer, name) for name in ("destination", "currency", "source_type")}
    values = {"transfer": transfer.id, "amount": reversed_units, "idempotency_key": ask.key}
    move = books.add(wanted | owner | copied | values)
    changed = books.move("transfer", transfer.id)
    if changed is not None:
        announce(ask.stripe, books, changed, "transfer.reversed", ask.origin)
    return body_of(books, move)


def read_change(
    params: Params, names: tuple[str, ...] = ("metadata", "description")
) -> MetadataChange:
    """Read the changes of an update of a transfer or a payout."""
    check_names(params, names)
    return MetadataChange(
        metadata=metadata(params),
        unset_all=params.get("metadata") == "",
        description=text(params, "description"),
        has_description="description" in params,
    )


def annotated(
    ask: StripeRequest,
    books: StripeBooks,
    move: StripeMove,
    change: MetadataChange,
    event_type: str,
) -> dict[str, Any]:
    """Change a move's metadata and description, and return its JSON."""
    kept = {} if change.unset_all else move.metadata | change.metadata
    kept = {key: value for key, value in kept.items() if value}
    check_count(kept)
    description = change.description if change.has_description else move.description
    books.annotate(move.id, kept, description)
    changed = books.any_move(move.id) or move
    previous = {
        name: getattr(move, name)
        for name in ("metadata", "description")
        if getattr(move, name) != getattr(changed, name)
    }
    if previous:
        announce(ask.stripe, books, changed, event_type, ask.origin, previous)
    return body_of(books, changed)
