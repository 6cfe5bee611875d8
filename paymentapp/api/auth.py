"""Authentication and rights: who calls, and whether they may; loopback only where keys are off."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from flask import Flask, Request, Response, current_app, g

from paymentapp import correlation
from paymentapp.api.blueprint import PUBLIC, current_request, declared_scopes, services
from paymentapp.api.environ import RESUMED
from paymentapp.api.local_requests import is_local
from paymentapp.api.problems import CHALLENGE, UNAUTHORIZED, problem
from paymentapp.errors import NotAllowed, NotAuthenticated
from paymentapp.models.actors import LOCAL, Actor
from paymentapp.rate_limits.limits import QuotaState
from paymentapp.services.api_keys import id_of

CALLERS = "paymentapp.callers"  # in `app.extensions`: Callers by the name of a blueprint


class Callers(NamedTuple):
    """How the callers of a blueprint are known that have no credential of the API."""

    credential: Callable[[Request], str]  # what a request presents; empty where it is nothing
    check: Callable[[Request, tuple[str, ...]], Response | None]  # as check_credential


def register_auth(app: Flask, auth: bool) -> None:
    """Check the caller before each view. A request without a view goes on to be 404 or 405.

    `check_declarations` makes sure that each view says which scopes it requires. A blueprint whose
    callers have no credentials of the API has a check of its own: see `Callers`.
    """
    others: dict[str, Callers] = app.extensions.setdefault(CALLERS, {})

    @app.before_request
    def check() -> Response | None:
        current = current_request()
        if current.endpoint is None:
            return None
        scopes = declared_scopes(app.view_functions[current.endpoint])
        if scopes == PUBLIC:
            return None
        if scopes is None:
            raise RuntimeError(f"the view {current.endpoint} requires no scope and is not public")
        callers = others.get(current.blueprint or "")
        if callers is not None:
            return callers.check(current, scopes)
        if auth:
            return check_credential(current, scopes)
        check_loopback(current)
        return None


def check_declarations(app: Flask) -> None:
    """Raise RuntimeError where a view neither requires a scope nor is public."""
    for endpoint, view in app.view_functions.items():
        if declared_scopes(view) is None:
            raise RuntimeError(f"the view {endpoint} requires no scope and is not public")


def check_credential(req: Request, scopes: tuple[str, ...]) -> Response | None:
    """Let the caller pass who has one of the scopes; `g.actor` is then who calls.

    Returns 401 without a credential. Raises NotAuthenticated, NotAllowed, StoreUnavailable,
    CannotVerify, RateLimited.
    """
    credential = presented_credential(req)
    if not credential:
        return problem(UNAUTHORIZED, headers={"WWW-Authenticate": CHALLENGE})
    rate_limits = services().rate_limits
    try:
        actor = authenticate(credential)
    except NotAuthenticated:
        g.refused_key_id = id_of(credential)
        rate_limits.forget(credential)
        raise
    rate_limits.remember(credential)
    admit(req, actor, scopes)
    return None


def admit(req: Request, actor: Actor, scopes: tuple[str, ...]) -> None:
    """Let a known caller pass who has one of the scopes; `g.actor` is then who calls.

    Raises NotAllowed, RateLimited.
    """
    g.actor = actor
    correlation.note(client=actor.name)
    g.quota_state = _count(req, actor)
    if not any(map(actor.may, scopes)):
        raise NotAllowed(f"This requires the scope {' or '.join(scopes)}.", scopes[0])


def authenticate(credential: str) -> Actor:
    """Return who presents a credential: an API key, or an access token where these are accepted.

    Raises NotAuthenticated, StoreUnavailable, CannotVerify.
    """
    here = services()
    if here.access_tokens is not None and is_token(credential):
        return here.access_tokens.actor(credential)
    return here.api_keys.actor(credential)


def is_token(credential: str) -> bool:
    """Return whether a credential has the form of a JWT: three parts, and not a key's prefix."""
    return credential.count(".") == 2 and not credential.startswith("pk_")


def check_loopback(req: Request) -> None:
    """Raise NotAllowed unless the request comes from this machine; where authentication is off."""
    if not is_local(req):
        raise NotAllowed("Authentication is off, so only requests from this machine are served.")
    g.actor = LOCAL
    correlation.note(client=LOCAL.name)
    g.quota_state = _count(req, LOCAL)


def _count(req: Request, actor: Actor) -> QuotaState | None:
    """Count a request of a client, once. Raises RateLimited."""
    rate_limits = services().rate_limits
    if req.environ.get(RESUMED):  # counted when it began, before its body had come
        return rate_limits.state_of_client(actor.name)
    return rate_limits.count_client(actor.name)


def presented_credential(req: Request) -> str:
    """Return what `Authorization: Bearer` holds, else `X-API-Key`, else an empty string.

    A blueprint may have its own: see `Callers`.
    """
    others: dict[str, Callers] = current_app.extensions[CALLERS]
    if others and req.blueprint in others:
        return others[req.blueprint].credential(req)
    header: str | None = req.environ.get("HTTP_AUTHORIZATION")
    if header is None:
        return str(req.environ.get("HTTP_X_API_KEY", "")).strip()
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
