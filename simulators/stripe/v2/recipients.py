"""Recipients and their payout methods.

https://docs.stripe.com/api/v2/core/accounts and
https://docs.stripe.com/api/v2/money-management/outbound-setup-intents
"""

from __future__ import annotations

from typing import Any

from flask import Response, request

from simulators.stripe.api import answer_json
from simulators.stripe.forms import decode
from simulators.stripe.records import derived_id, new_id
from simulators.stripe.v2.api import (
    V2Call,
    acted_for,
    answer_page,
    check_fields,
    invalid,
    make,
    not_found,
    v2_blueprint,
    v2_books,
)
from simulators.stripe.v2.bodies import method_body, recipient_body, setup_intent_body
from simulators.stripe.v2.books import V2Books
from simulators.stripe.v2.outcomes import REFUSED, method_outcome, word_of

blueprint = v2_blueprint("recipients")

_ACCOUNT = {
    *("account_token", "configuration", "contact_email", "contact_phone", "dashboard", "defaults"),
    *("display_name", "identity", "include", "metadata"),
}
_BANK = {
    *("account_number", "bank_account_type", "branch_number", "country", "currency"),
    *("routing_number", "swift_code"),
}
# What a method that was made elsewhere, and is only named, is of.
_ELSEWHERE = {"account_number": "000123456789", "country": "US", "currency": "usd"}


@blueprint.post("/core/accounts")
def create_account() -> Response:
    """Create a recipient."""

    def act(call: V2Call, books: V2Books) -> str:
        required = {"contact_email", "display_name", "identity", "configuration"}
        check_fields(call.params, _ACCOUNT, required)
        identity = call.params["identity"]
        check_fields(
            identity,
            {"attestations", "business_details", "country", "entity_type", "individual"},
            {"country", "entity_type"},
            "identity.",
        )
        recipient_id = new_id("acct_", 16)
        books.add_recipient(recipient_id, call.params)
        return recipient_id

    return make(act, _shown_recipient)


@blueprint.get("/core/accounts")
def list_accounts() -> Response:
    """List open recipients."""

    def read(
        books: V2Books, _: dict[str, Any], after: int, limit: int
    ) -> list[tuple[int, dict[str, Any]]]:
        found = books.recipient_ids(after, limit)
        return [(seq, _shown_recipient(books, name)) for seq, name in found]

    return answer_page(read, 0)


@blueprint.get("/core/accounts/<account_id>")
def show_account(account_id: str) -> Response:
    """Return a recipient; 404 where there is none."""
    decode(request.query_string)
    with v2_books() as books:
        return answer_json(_shown_recipient(books, account_id))


@blueprint.post("/core/accounts/<account_id>/close")
def close_account(account_id: str) -> Response:
    """Close a recipient; nothing can be paid to them any more."""

    def act(call: V2Call, books: V2Books) -> str:
        check_fields(call.params, {"applied_configurations"}, set())
        if books.recipient(account_id) is None:
            raise not_found("account", account_id)
        books.close_recipient(account_id)
        return account_id

    return make(act, _shown_recipient)


@blueprint.post("/money_management/outbound_setup_intents")
def create_setup_intent() -> Response:
    """Set a recipient's bank account up for payments, which makes a payout method."""
    recipient = acted_for()

    def act(call: V2Call, books: V2Books) -> str:
        known = {"payout_method", "payout_method_data", "usage_intent"}
        check_fields(call.params, known, {"payout_method_data"})
        data = call.params["payout_method_data"]
        both = {"bank_account", "type"}
        check_fields(data, both, both, "payout_method_data.")
        account = data["bank_account"]
        path = "payout_method_data.bank_account."
        check_fields(account, _BANK, {"account_number", "country", "currency"}, path)
        if books.recipient(recipient) is None:
            raise not_found("account", recipient)
        if account["account_number"].startswith(REFUSED):
            raise invalid("This bank account is not one.", f"{path}account_number")
        method_id = f"usba_sim{word_of(account['account_number'])}{new_id('X', 16)}"
        books.add_method(method_id, recipient, account)
        return method_id

    def show(books: V2Books, method_id: str) -> dict[str, Any]:
        intent_id = derived_id("osi_", method_id)
        return setup_intent_body(intent_id, shown_method(books, method_id), books.now)

    return make(act, show)


@blueprint.get("/money_management/payout_methods")
def list_methods() -> Response:
    """List the payout methods of a recipient."""
    recipient = acted_for()

    def read(
        books: V2Books, _: dict[str, Any], after: int, limit: int
    ) -> list[tuple[int, dict[str, Any]]]:
        names = books.method_ids(recipient)[after : after + limit]
        return [(after + n, shown_method(books, name)) for n, name in enumerate(names, 1)]

    return answer_page(read, 0)


@blueprint.get("/money_management/payout_methods/<method_id>")
def show_method(method_id: str) -> Response:
    """Return a payout method; 404 where the recipient has none of this id."""
    recipient = acted_for()
    with v2_books() as books:
        body = shown_method(books, method_id)
        stored = books.method(method_id)
        if stored is not None and stored[0] != recipient:
            raise not_found("payout method", method_id)
        return answer_json(body)


def shown_method(books: V2Books, method_id: str) -> dict[str, Any]:
    """Return a payout method; one that was not made here is one that was made elsewhere."""
    if not method_outcome(method_id).known:
        raise not_found("payout method", method_id)
    stored = books.method(method_id)
    if stored is None:
        return method_body(method_id, _ELSEWHERE, 0)
    return method_body(method_id, stored[1], stored[2])


def _shown_recipient(books: V2Books, recipient_id: str) -> dict[str, Any]:
    stored = books.recipient(recipient_id)
    if stored is None:
        raise not_found("account", recipient_id)
    made_of, created_at, closed = stored
    return recipient_body(recipient_id, made_of, created_at, closed=closed)
