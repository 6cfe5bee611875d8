"""What sort of call a request is, for counting, for faults and for latency."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Call:
    """An API call: its kind, as ``faults_on`` names it, and the endpoint it is counted under."""

    kind: str
    endpoint: str

    @property
    def is_payouts(self) -> bool:
        """Whether it is one of the payouts calls, which latency slows down."""
        return self.kind in ("create", "read", "item", "cancel")


_ENDPOINTS = [
    ("token", "POST", "/v1/oauth2/token"),
    ("create", "POST", "/v1/payments/payouts"),
    ("read", "GET", "/v1/payments/payouts/{id}"),
    ("item", "GET", "/v1/payments/payouts-item/{id}"),
    ("cancel", "POST", "/v1/payments/payouts-item/{id}/cancel"),
    ("search", "GET", "/v1/reporting/transactions"),
    ("verify", "POST", "/v1/notifications/verify-webhook-signature"),
    ("certificate", "GET", "/v1/notifications/certs/{id}"),
]


def _pattern(path: str) -> re.Pattern[str]:
    # PayPal's list of test values also writes payouts-items.
    return re.compile(path.replace("-item/", "-items?/").replace("{id}", "[^/]+") + "/?")


_PATTERNS = [
    (Call(kind, f"{method} {path}"), method, _pattern(path)) for kind, method, path in _ENDPOINTS
]


def classify(method: str, path: str) -> Call | None:
    """The API call that a request is, or None for the simulator's own pages."""
    if not path.startswith("/v1/"):
        return None
    for call, its_method, pattern in _PATTERNS:
        if method == its_method and pattern.fullmatch(path):
            return call
    return Call("other", f"{method} (unknown)")
