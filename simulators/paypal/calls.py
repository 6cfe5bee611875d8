"""Kinds of PayPal's calls, for counting, faults and latency."""

from __future__ import annotations

import re

from simulators.common.calls import ApiCall

_ENDPOINTS = [
    ("token", "POST", "/v1/oauth2/token"),
    ("create", "POST", "/v1/payments/payouts"),
    ("read", "GET", "/v1/payments/payouts/{id}"),
    ("item", "GET", "/v1/payments/payouts-item/{id}"),
    ("cancel", "POST", "/v1/payments/payouts-item/{id}/cancel"),
    ("search", "GET", "/v1/reporting/transactions"),
    ("balances", "GET", "/v1/reporting/balances"),
    ("verify", "POST", "/v1/notifications/verify-webhook-signature"),
    ("certificate", "GET", "/v1/notifications/certs/{id}"),
]


def _pattern(path: str) -> re.Pattern[str]:
    # PayPal's list of test values also writes payouts-items.
    return re.compile(path.replace("-item/", "-items?/").replace("{id}", "[^/]+") + "/?")


_PATTERNS = [
    (ApiCall(kind, f"{method} {path}"), method, _pattern(path)) for kind, method, path in _ENDPOINTS
]


def classify(method: str, path: str) -> ApiCall | None:
    """Return the API call that a request is; None for the simulator's own pages."""
    if not path.startswith("/v1/"):
        return None
    for call, its_method, pattern in _PATTERNS:
        if method == its_method and pattern.fullmatch(path):
            return call
    return ApiCall("other", f"{method} (unknown)")


def is_payouts(call: ApiCall) -> bool:
    """Return whether it is a payouts call, to which latency applies."""
    return call.kind in ("create", "read", "item", "cancel")
