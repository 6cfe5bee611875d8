"""Common parts of version 2: JSON in and out, pages, and its idempotency.

https://docs.stripe.com/api-v2-overview: requests are JSON; "retries don't repeat successful
operations", and a failed one is carried out anew. What a call made is answered as it is now. How
long a key is known is not published: it is that of version 1 here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import urlencode

from flask import Blueprint, Response, g, request

from simulators.common.times import span
from simulators.stripe.api import answer_json, new_blueprint
from simulators.stripe.core import running_stripe
from simulators.stripe.errors import StripeError, key_reused, server_error
from simulators.stripe.forms import decode
from simulators.stripe.idempotency import FAULT, MAX_KEY
from simulators.stripe.v2.bodies import page_body
from simulators.stripe.v2.books import V2Books

V2_PREFIX = "/stripe/v2"
_LARGEST_PAGE = 100


class V2Call(NamedTuple):
    """A request that makes something."""

    key: str
    context: str  # the recipient that is acted for; empty: nobody
    params: dict[str, Any]


def v2_blueprint(name: str) -> Blueprint:
    """Return a blueprint of endpoints of version 2."""
    return new_blueprint(f"v2_{name}", V2_PREFIX)


def context() -> str:
    """Return the recipient that is acted for. https://docs.stripe.com/context."""
    return request.headers.get("Stripe-Context", "")


@contextmanager
def v2_books() -> Iterator[V2Books]:
    """Open the books in one transaction."""
    with running_stripe().books() as books:
        yield V2Books(books.db, books.now)


def v2_error(status: int, type_: str, message: str, code: str | None = None) -> StripeError:
    """Return an error as the library reads it: its class follows from the type."""
    return StripeError(status, message, code=code or type_, type_=type_)


def invalid(message: str, param: str | None = None) -> StripeError:
    """Return a 400 for a field of the request."""
    return StripeError(400, message, code="invalid_fields", param=param)


def not_found(what: str, name: str) -> StripeError:
    """Return a 404."""
    return StripeError(404, f"No such {what}: '{name}'", code="not_found")


def make(
    act: Callable[[V2Call, V2Books], str], show: Callable[[V2Books, str], dict[str, Any]]
) -> Response:
    """Carry out a call, unless it has succeeded under its key before; return what it made.

    ``act`` returns the id of what it made, and raises before it has written anything.
    """
    stripe = running_stripe()
    call = V2Call(_key(), context(), _json())
    fault = request.environ.get(FAULT)
    with stripe.holding(f"v2 {call.context}", call.key):
        stripe.wait_latency()
        with v2_books() as books:
            if fault != "error_rolled_back":
                subject = _done(books, call) or _act(books, call, act)
                body = show(books, subject)
    if fault is not None:
        raise server_error()
    return answer_json(body)


def _act(books: V2Books, call: V2Call, act: Callable[[V2Call, V2Books], str]) -> str:
    subject = act(call, books)
    params = json.dumps(call.params, sort_keys=True)
    books.keep_key(call.context, call.key, request.path, params, subject)
    return subject


def _done(books: V2Books, call: V2Call) -> str | None:
    """Return what was made under the key; 400 where it was another request."""
    since = books.now - span(running_stripe().settings.key_lifetime)
    kept = books.kept_key(call.context, call.key, since)
    if kept is None:
        return None
    endpoint, params, subject = kept
    if (endpoint, params) != (request.path, json.dumps(call.params, sort_keys=True)):
        raise key_reused("Keys for idempotent requests can only be used with the same request.")
    return subject


def _key() -> str:
    key = request.headers.get("Idempotency-Key", "")
    if not key or len(key) > MAX_KEY:
        raise invalid(f"Idempotency keys have 1 to {MAX_KEY} characters.")
    return key


def _json() -> dict[str, Any]:
    """Return the body, an object."""
    if request.mimetype != "application/json":
        raise StripeError(415, "Requests of API version 2 are JSON.", code="unsupported_media_type")
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise invalid("The body is not a JSON object.")
    return body


def check_fields(found: Any, known: set[str], required: set[str], path: str = "") -> None:
    """Refuse fields that an object does not have, and an object without those it must have."""
    if not isinstance(found, dict):
        raise invalid(f"{path or 'The body'} is not an object.", path or None)
    strange = sorted(set(found) - known)
    if strange:
        raise invalid(f"Unknown field: {path}{strange[0]}", f"{path}{strange[0]}")
    missing = sorted(name for name in required if found.get(name) in (None, ""))
    if missing:
        raise invalid(f"Missing required field: {path}{missing[0]}", f"{path}{missing[0]}")


def answer_page(
    read: Callable[[V2Books, dict[str, Any], int, int], list[tuple[int, dict[str, Any]]]],
    start: int,
) -> Response:
    """Answer a page of a list; ``read`` gets parameters, a position and a limit."""
    params = decode(request.query_string)
    limit = min(int(params.pop("limit", "10")), _LARGEST_PAGE)
    position = int(params.pop("page", start))
    with v2_books() as books:
        found = read(books, params, position, limit + 1)
    following = None
    if len(found) > limit:
        query = [(n, v) for n, v in request.args.items(multi=True) if n != "page"]
        last = str(found[limit - 1][0])
        path = request.path.removeprefix("/stripe")
        following = f"{path}?{urlencode([*query, ('page', last)])}"
    return answer_json(page_body([body for _, body in found[:limit]], following))


def acted_for() -> str:
    """Return the recipient that is acted for; 403 where there is none of that id."""
    name = context()
    if not name:
        raise invalid("Name the recipient in Stripe-Context.")
    g.stripe_context = name
    return name
