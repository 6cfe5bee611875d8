"""Idempotency keys: the first answer under a key is stored and replayed, whatever it was.

https://docs.stripe.com/api/idempotent_requests and https://docs.stripe.com/error-low-level: the
status and body are stored once execution has begun, "including 500 errors"; parameters that fail
validation, a 409 and a 429 store nothing; other parameters, or another endpoint, are an error; a
key is forgotten after 24 hours. Each account has its own keys.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import Response, g, request

from simulators.common.times import span
from simulators.stripe.books import StripeBooks
from simulators.stripe.core import StripeSimulator, running_stripe
from simulators.stripe.errors import Refusal, StripeError, key_reused, server_error
from simulators.stripe.events import Origin
from simulators.stripe.forms import Params, read_form

W = TypeVar("W")

MAX_KEY = 255
FAULT = "simulator.stripe.fault"  # in the WSGI environment: the fault to inject when executing


@dataclass(frozen=True)
class StripeRequest:
    """A request that is to be executed once."""

    stripe: StripeSimulator
    account: str
    key: str | None
    endpoint: str
    params: Params
    request_id: str

    @property
    def origin(self) -> Origin:
        """The origin of what the request does, as events report it."""
        return Origin(self.request_id, self.key)

    @property
    def text(self) -> str:
        """The parameters, for comparison."""
        return json.dumps(self.params, sort_keys=True)


@dataclass(frozen=True)
class KeptAnswer:
    """An answer stored under its key."""

    endpoint: str
    text: str
    status: int
    body: bytes
    request_id: str


def perform(
    read: Callable[[Params], W], act: Callable[[StripeRequest, StripeBooks, W], dict[str, Any]]
) -> Response:
    """Execute the request, or replay its first answer.

    ``read`` checks parameters and touches nothing; ``act`` checks against the books and writes in
    them, and raises a Refusal before it has written anything. All of it, with the answer under its
    key, is one transaction.
    """
    stripe = running_stripe()
    key = request.headers.get("Idempotency-Key") or None
    if key is not None and len(key) > MAX_KEY:
        raise StripeError(400, f"Idempotency keys can be up to {MAX_KEY} characters long.")
    params = read_form()
    path = request.path.removeprefix("/stripe")
    ask = StripeRequest(stripe, g.stripe_account, key, path, params, g.stripe_request_id)
    with stripe.holding(ask.account, ask.key):
        stripe.wait_latency()
        with stripe.books() as books:
            kept = _find(books, ask)
            if kept is not None:
                return _replay(ask, kept)
            kept = _execute(ask, books, read(params), act)
            _keep(books, ask, kept)
    return _answer(kept)


def _execute(
    ask: StripeRequest,
    books: StripeBooks,
    wanted: W,
    act: Callable[[StripeRequest, StripeBooks, W], dict[str, Any]],
) -> KeptAnswer:
    fault = request.environ.get(FAULT)
    status, body = 200, {}
    if fault != "error_rolled_back":
        try:
            body = act(ask, books, wanted)
        except Refusal as refusal:
            status, body = refusal.status, refusal.body(ask.request_id)
    if fault is not None:
        error = server_error()
        status, body = error.status, error.body(ask.request_id)
    text = json.dumps(body, indent=2).encode()
    return KeptAnswer(ask.endpoint, ask.text, status, text, ask.request_id)


def _find(books: StripeBooks, ask: StripeRequest) -> KeptAnswer | None:
    since = books.now - span(ask.stripe.settings.key_lifetime)
    row = books.db.execute(
        """SELECT endpoint, params, status, body, request_id FROM stripe_keys
           WHERE account = ? AND key = ? AND created_at > ?""",
        (ask.account, ask.key, since),
    ).fetchone()
    return KeptAnswer(*row) if row else None


def _keep(books: StripeBooks, ask: StripeRequest, kept: KeptAnswer) -> None:
    if ask.key is not None:
        books.db.execute(
            "INSERT OR REPLACE INTO stripe_keys VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                ask.account,
                ask.key,
                kept.endpoint,
                kept.text,
                kept.status,
                kept.body,
                kept.request_id,
                books.now,
            ),
        )


def _replay(ask: StripeRequest, kept: KeptAnswer) -> Response:
    hint = f"Try using a key other than '{ask.key}' if you meant to execute a different request."
    if kept.endpoint != ask.endpoint:
        raise key_reused(
            "Keys for idempotent requests can only be used for the same endpoint they were first "
            f"used for ('{ask.endpoint}' vs '{kept.endpoint}'). {hint}"
        )
    if kept.text != ask.text:
        raise key_reused(
            "Keys for idempotent requests can only be used with the same parameters they were "
            f"first used with. {hint}"
        )
    answer = _answer(kept)
    answer.headers["Idempotent-Replayed"] = "true"
    answer.headers["Original-Request"] = kept.request_id
    return answer


def _answer(kept: KeptAnswer) -> Response:
    answer = Response(kept.body, kept.status, content_type="application/json")
    if kept.status >= 400:
        # A retry with this key would get the same answer.
        answer.headers["Stripe-Should-Retry"] = "false"
    return answer
