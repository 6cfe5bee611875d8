"""Authentication: an API key with the required scope, or loopback only where keys are off."""

from __future__ import annotations

from flask import Flask, Request, Response, request

from paymentapp.api.blueprint import services
from paymentapp.api.problems import FORBIDDEN, UNAUTHORIZED, problem
from paymentapp.loopback import is_loopback

# Every other endpoint requires a key, so a new view is private unless it is listed here.
# A webhook is authenticated by its signature instead.
PUBLIC = frozenset(
    {
        *("health.healthz", "health.readyz", "docs.document", "docs.page", "docs.asset"),
        "webhooks.receive_webhook",
    }
)
CHALLENGE = 'Bearer realm="paymentapp"'


def register_auth(app: Flask, auth: bool) -> None:
    """Check the caller before each view. A request without a view goes on to be 404 or 405."""

    @app.before_request
    def check() -> Response | None:
        if request.endpoint is None or request.endpoint in PUBLIC:
            return None
        return check_key() if auth else check_loopback()


def check_key() -> Response | None:
    """Return 401 without a valid API key, 403 if it lacks the scope, None if it may go on."""
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
    """Return 403 unless the request comes from this machine; used where authentication is off.

    The address that the server listens on is not relied on. A request that a proxy forwarded is
    not local. Neither is one for another host name, which a web page could make resolve to this
    machine (DNS rebinding).
    """
    forwarded = "X-Forwarded-For" in request.headers or "Forwarded" in request.headers
    if is_loopback(request.remote_addr or "") and is_loopback(host_name(request)) and not forwarded:
        return None
    return problem(
        FORBIDDEN, "Authentication is off, so only requests from this machine are served."
    )


def presented_key(req: Request) -> str:
    """Return the key from `Authorization: Bearer`, else from `X-API-Key`, else an empty string."""
    header = req.headers.get("Authorization")
    if header is None:
        return req.headers.get("X-API-Key", "").strip()
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def host_name(req: Request) -> str:
    """Return the host of the `Host` header, without a port."""
    host = req.headers.get("Host", "")
    return host.rpartition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]
