"""Who may call what: an API key with the scope for it, or loopback where keys are off."""

from __future__ import annotations

from flask import Flask, Request, Response, request

from paymentapp.api.blueprint import services
from paymentapp.api.problems import FORBIDDEN, UNAUTHORIZED, problem
from paymentapp.loopback import is_loopback

# Every other endpoint needs a key: a new view is private unless it is named here.
# A webhook is let in by its signature instead.
PUBLIC = frozenset(
    {
        *("health.healthz", "health.readyz", "docs.document", "docs.page", "docs.asset"),
        "webhooks.receive_webhook",
    }
)
CHALLENGE = 'Bearer realm="paymentapp"'


def register_auth(app: Flask, auth: bool) -> None:
    """Check each request before its view. What has no view is left to be 404 or 405."""

    @app.before_request
    def check() -> Response | None:
        if request.endpoint is None or request.endpoint in PUBLIC:
            return None
        return check_key() if auth else check_loopback()


def check_key() -> Response | None:
    """Refuse a caller without a valid key, or with one that lacks the scope."""
    token = presented_key(request)
    if not token:
        return problem(UNAUTHORIZED, headers={"WWW-Authenticate": CHALLENGE})
    key = services().api_keys.authenticate(token)
    if key is None:
        challenge = f'{CHALLENGE}, error="invalid_token"'
        detail = "This API key is unknown or revoked."
        return problem(UNAUTHORIZED, detail, headers={"WWW-Authenticate": challenge})
    scope = "read" if request.method in {"GET", "HEAD"} else "write"
    if scope not in key.scopes:
        challenge = f'{CHALLENGE}, error="insufficient_scope", scope="{scope}"'
        detail = f"This API key does not have the scope {scope}."
        return problem(FORBIDDEN, detail, headers={"WWW-Authenticate": challenge})
    return None


def check_loopback() -> Response | None:
    """Without keys, serve this machine alone, however the server came to be bound.

    A request that a proxy passed on is not local, and neither is one for another host name,
    which a web page could make resolve to this machine.
    """
    forwarded = "X-Forwarded-For" in request.headers or "Forwarded" in request.headers
    if is_loopback(request.remote_addr or "") and is_loopback(host_name(request)) and not forwarded:
        return None
    return problem(FORBIDDEN, "Authentication is off, so only this machine itself is served.")


def presented_key(req: Request) -> str:
    """The key in `Authorization: Bearer`, else in `X-API-Key`, else nothing."""
    header = req.headers.get("Authorization")
    if header is None:
        return req.headers.get("X-API-Key", "").strip()
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def host_name(req: Request) -> str:
    """The host that the caller named, without a port."""
    host = req.headers.get("Host", "")
    return host.rpartition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]
