"""Common parts of Stripe's endpoints: authentication, the account acted for, and errors.

https://docs.stripe.com/api/authentication, https://docs.stripe.com/api/connected-accounts,
https://docs.stripe.com/api/request_ids, https://docs.stripe.com/api/versioning.
"""

from __future__ import annotations

import json
import logging
from typing import Any

from flask import Blueprint, Response, g, request

from simulators.stripe.accounts import outcome_for
from simulators.stripe.books import ListFilter, ListPage, StripeBooks
from simulators.stripe.core import running_stripe
from simulators.stripe.errors import (
    StripeError,
    invalid_key,
    missing,
    no_access,
    no_key,
    server_error,
)
from simulators.stripe.forms import Params, integer, text
from simulators.stripe.records import StripeMove, new_id

PREFIX = "/stripe/v1"
PAGE_NAMES = ("limit", "starting_after", "ending_before")


def new_blueprint(name: str, prefix: str = PREFIX) -> Blueprint:
    """Return a blueprint of API endpoints with the common parts."""
    blueprint = Blueprint(f"stripe_{name}", __name__, url_prefix=prefix)
    blueprint.before_request(_begin)
    blueprint.after_request(_finish)
    blueprint.register_error_handler(Exception, _answer_error)
    return blueprint


def _begin() -> None:
    g.stripe_request_id = new_id("req_", 14)
    g.stripe_key = _require_key()
    g.stripe_account = _require_account(g.stripe_key)
    if request.method == "GET":
        running_stripe().wait_latency()


def _require_key() -> str:
    given = request.authorization
    key = given and (given.token or given.username)
    if not key:
        raise no_key()
    wanted = running_stripe().settings.api_key
    ours = key == wanted if wanted else key.startswith(("sk_test_", "rk_test_"))
    if not ours:
        raise invalid_key(key)
    return key


def _require_account(key: str) -> str:
    """Return the account that is acted for: that of ``Stripe-Account``, else the platform's own."""
    account = request.headers.get("Stripe-Account")
    if not account:
        return running_stripe().settings.account_id
    if not outcome_for(account).known:
        raise no_access(key, account)
    return account


def _finish(answer: Response) -> Response:
    settings = running_stripe().settings
    answer.headers["Request-Id"] = g.stripe_request_id
    answer.headers["Stripe-Version"] = request.headers.get("Stripe-Version", settings.api_version)
    for name in ("Idempotency-Key", "Stripe-Account"):
        if name in request.headers:
            answer.headers[name] = request.headers[name]
    return answer


def _answer_error(error: Exception) -> Response:
    if not isinstance(error, StripeError):
        logging.getLogger(__name__).error("internal error of the simulator", exc_info=error)
        error = server_error()
    return as_response(error, g.stripe_request_id)


def as_response(error: StripeError, request_id: str) -> Response:
    """Return the error's body with its status and headers."""
    body = json.dumps(error.body(request_id), indent=2)
    return Response(body, error.status, error.headers, content_type="application/json")


def answer_json(body: dict[str, Any]) -> Response:
    """Return a JSON answer, indented as Stripe's are."""
    return Response(json.dumps(body, indent=2), 200, content_type="application/json")


def find(books: StripeBooks, kind: str, move_id: str, account: str) -> StripeMove:
    """Return a move of an account; 404 where it has none of that id."""
    move = books.move(kind, move_id)
    if move is None or move.account != account:
        raise missing(kind, move_id, "id" if kind == "payout" else kind, 404)
    return move


def read_page(params: Params, books: StripeBooks, kind: str, filters: list[ListFilter]) -> ListPage:
    """Read which page is requested; 400 for a cursor that is not an object of the list's kind."""
    limit = integer(text(params, "limit") or "10", "limit", 1, 100)
    cursors: dict[str, int | None] = {}
    for name in PAGE_NAMES[1:]:
        cursor = text(params, name)
        move = books.move(kind, cursor) if cursor else None
        owner = next((each.value for each in filters if each.column == "account"), None)
        if cursor and (move is None or owner not in (None, move.account)):
            raise missing(kind, cursor, name)
        cursors[name] = move.seq if move else None
    if None not in cursors.values():
        raise StripeError(400, "You may only specify one of starting_after and ending_before.")
    return ListPage(limit, cursors["starting_after"], cursors["ending_before"])
