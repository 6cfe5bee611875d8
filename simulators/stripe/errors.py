"""Stripe's errors: status, type, code and message.

https://docs.stripe.com/api/errors, https://docs.stripe.com/error-codes and, for the headers,
https://docs.stripe.com/error-low-level. Texts are Stripe's where it publishes them or where its
answers are quoted in public.
"""

from __future__ import annotations

from typing import Any

INVALID = "invalid_request_error"
INSUFFICIENT_FOR_TRANSFER = (
    "You have insufficient available funds in your Stripe account. Try adding funds directly to "
    "your available balance by creating Charges using the 4000000000000077 test card. See: "
    "https://stripe.com/docs/testing#available-balance"
)
INSUFFICIENT_FOR_PAYOUT = (
    "You have insufficient funds in your Stripe account for this transfer. Your card balance is "
    "too low.  You can use the /v1/balance endpoint to view your Stripe balance (for more details, "
    "see stripe.com/docs/api#balance)."
)
NO_CAPABILITY = (
    "Your destination account needs to have at least one of the following capabilities enabled: "
    "transfers, crypto_transfers, legacy_payments"
)
_RATE_LIMIT = (
    "Request rate limit exceeded. Learn more about rate limits here "
    "https://stripe.com/docs/rate-limits."
)
_LOCKED = (
    "This object cannot be accessed right now because another API request or Stripe process is "
    "currently accessing it. If you see this error intermittently, retry the request. If you see "
    "this error frequently and are making multiple concurrent requests to a single object, make "
    "your requests serially or at a lower rate."
)
_SORRY = (
    "Sorry! There was an error while talking to one of our backends. We have already been "
    "notified of the problem, but please contact support@stripe.com with any questions you may "
    "have."
)
_IN_USE = (
    "There is currently another in-progress request using this Idempotent Key (that probably "
    "means you submitted twice, and the other request is still going through): {key}. Please try "
    "again later."
)


class StripeError(Exception):
    """An error of the API. ``headers`` are added to the answer."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        type_: str = INVALID,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param
        self.type = type_
        self.headers = headers or {}

    def body(self, request_id: str) -> dict[str, Any]:
        """Return the envelope; members without a value are left out, as Stripe does."""
        error = {
            "code": self.code,
            "doc_url": _doc_url(self.code),
            "message": str(self),
            "param": self.param,
            "request_log_url": f"https://dashboard.stripe.com/test/logs/{request_id}",
            "type": self.type,
        }
        return {"error": {name: value for name, value in error.items() if value is not None}}


class Refusal(StripeError):
    """An error that occurs after execution began: it is stored under the key."""


def _doc_url(code: str | None) -> str | None:
    return code and f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}"


def server_error() -> StripeError:
    """Return a 500; when it occurs decides whether it is stored under the key."""
    return StripeError(500, _SORRY, type_="api_error")


def unavailable() -> StripeError:
    """Return a 503 from in front of the API."""
    return StripeError(503, "Service Temporarily Unavailable", type_="api_error")


def rate_limited() -> StripeError:
    """Return a 429: "rate limiters run before the API's idempotency layer"."""
    headers = {"Stripe-Rate-Limited-Reason": "global-rate"}
    return StripeError(429, _RATE_LIMIT, code="rate_limit", headers=headers)


def lock_timeout() -> StripeError:
    """Return a 429 that clients retry by themselves.

    https://docs.stripe.com/rate-limits#object-lock-timeouts
    """
    headers = {"Stripe-Should-Retry": "true"}
    return StripeError(429, _LOCKED, code="lock_timeout", headers=headers)


def key_in_use(key: str) -> StripeError:
    """Return a 409: another request with the same key is in progress."""
    message = _IN_USE.format(key=key)
    headers = {"Stripe-Should-Retry": "true"}
    return StripeError(409, message, code="idempotency_key_in_use", headers=headers)


def key_reused(message: str) -> StripeError:
    """Return a 400: the key was used with another request."""
    return StripeError(400, message, type_="idempotency_error")


def missing(what: str, name: str, param: str, status: int = 400) -> StripeError:
    """Return ``No such transfer: 'tr_1'``; with status 404 where the path names it."""
    kind = Refusal if status == 400 else StripeError
    return kind(status, f"No such {what}: '{name}'", code="resource_missing", param=param)


def no_access(key: str, account: str) -> StripeError:
    """Return a 403: the account is unknown, or has disconnected from the platform."""
    message = (
        f"The provided key '{redacted(key)}' does not have access to account '{account}' (or that "
        "account does not exist). Application access may have been revoked."
    )
    return StripeError(403, message, code="account_invalid")


def invalid_key(key: str) -> StripeError:
    """Return a 401 for a wrong key, shown as Stripe shows it."""
    return StripeError(401, f"Invalid API Key provided: {redacted(key)}", headers=_REALM)


def no_key() -> StripeError:
    """Return a 401 for a missing key."""
    message = (
        "You did not provide an API key. You need to provide your API key in the Authorization "
        "header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See "
        "https://stripe.com/docs/api#authentication for details, or we can help at "
        "https://support.stripe.com/."
    )
    return StripeError(401, message, headers=_REALM)


_REALM = {"WWW-Authenticate": 'Bearer realm="Stripe"'}


def redacted(key: str) -> str:
    """Return ``sk_test_************1234``: the prefix and the last four characters."""
    prefix = key[:8] if key[:8] in ("sk_test_", "rk_test_", "sk_live_", "rk_live_") else ""
    shown = key[-4:] if len(key) > len(prefix) + 4 else ""
    return prefix + "*" * (len(key) - len(prefix) - len(shown)) + shown
