"""Access tokens by the client-credentials grant.

https://developer.paypal.com/api/rest/authentication/
"""

from __future__ import annotations

import hmac
import secrets
from typing import Any

from flask import Blueprint, Response, jsonify, request

from simulators.common.times import rfc3339, span
from simulators.paypal.core import running_paypal
from simulators.paypal.errors import PayPalError

blueprint = Blueprint("oauth", __name__)

APP_ID = "APP-SIMULATOR"
SEARCH_SCOPE = "https://uri.paypal.com/services/reporting/search/read"
SCOPES = (
    "https://uri.paypal.com/payments/payouts",
    "https://uri.paypal.com/services/applications/webhooks",
)


@blueprint.post("/v1/oauth2/token")
def issue_token() -> tuple[Response, int]:
    """Exchange a client id and secret (HTTP Basic) for a token; 401 invalid_client, otherwise 400.

    https://developer.paypal.com/api/rest/authentication/
    """
    credentials = request.authorization
    if (
        credentials is None
        or credentials.type != "basic"
        or not _accepted(credentials.username, credentials.password)
    ):
        return _refusal(401, "invalid_client", "Client Authentication failed")
    if request.form.get("grant_type") != "client_credentials":
        return _refusal(400, "unsupported_grant_type", "Grant Type is NULL or not supported")
    running = running_paypal()
    now, lifetime = running.now(), running.settings.token_lifetime
    token = "A21AA" + secrets.token_urlsafe(48)
    running.state.add_token(token, now, now + span(lifetime))
    scopes = (*SCOPES, SEARCH_SCOPE) if running.settings.search == "on" else SCOPES
    body = {
        "scope": " ".join(scopes),
        "access_token": token,
        "token_type": "Bearer",
        "app_id": APP_ID,
        "expires_in": lifetime,
        "nonce": rfc3339(now) + secrets.token_urlsafe(32),
    }
    return jsonify(body), 200


def require_token() -> None:
    """Refuse a call without a valid Bearer token with 401, as PayPal does.

    Without a header the answer is the description's AUTHENTICATION_FAILURE; for an unknown or
    expired token, the same with the ``error`` and ``error_description`` of PayPal's gateway.
    """
    credentials = request.authorization
    if credentials is None or credentials.type != "bearer" or not credentials.token:
        raise PayPalError("AUTHENTICATION_FAILURE")
    running = running_paypal()
    if not running.state.token_valid(credentials.token, running.now()):
        gateway: dict[str, Any] = {
            "error": "invalid_token",
            "error_description": "Token signature verification failed",
        }
        raise PayPalError("AUTHENTICATION_FAILURE", extra=gateway)


def _accepted(username: str | None, password: str | None) -> bool:
    if not username or not password:
        return False
    settings = running_paypal().settings
    right_id = _matches(username, settings.client_id)
    right_secret = _matches(password, settings.client_secret)
    return right_id and right_secret


def _matches(given: str, wanted: str | None) -> bool:
    return wanted is None or hmac.compare_digest(given.encode(), wanted.encode())


def _refusal(status: int, error: str, description: str) -> tuple[Response, int]:
    return jsonify({"error": error, "error_description": description}), status
