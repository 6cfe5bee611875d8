"""Faults of Stripe's calls, before, during or after their execution."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from werkzeug.wrappers import Response

from simulators.common.calls import ApiCall
from simulators.common.faults import FaultLayer, corrupted
from simulators.stripe.api import PREFIX, as_response
from simulators.stripe.errors import lock_timeout, rate_limited, server_error, unavailable
from simulators.stripe.idempotency import FAULT
from simulators.stripe.records import new_id
from simulators.stripe.settings import StripeSimulatorSettings
from simulators.stripe.v2.api import V2_PREFIX

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_ENDPOINTS = [
    ("transfer", "POST", "/transfers"),
    ("list", "GET", "/transfers"),
    ("read", "GET", "/transfers/{id}"),
    ("update", "POST", "/transfers/{id}"),
    ("reversal", "POST", "/transfers/{id}/reversals"),
    ("list", "GET", "/transfers/{id}/reversals"),
    ("read", "GET", "/transfers/{id}/reversals/{id}"),
    ("payout", "POST", "/payouts"),
    ("list", "GET", "/payouts"),
    ("read", "GET", "/payouts/{id}"),
    ("update", "POST", "/payouts/{id}"),
    ("cancel", "POST", "/payouts/{id}/cancel"),
    ("account", "GET", "/accounts/{id}"),
    ("account", "GET", "/account"),
    ("account", "GET", "/balance"),
]
_MONEY = "/money_management"
_V2_ENDPOINTS = [
    ("recipient", "POST", "/core/accounts"),
    ("list", "GET", "/core/accounts"),
    ("read", "GET", "/core/accounts/{id}"),
    ("recipient", "POST", "/core/accounts/{id}/close"),
    ("method", "POST", f"{_MONEY}/outbound_setup_intents"),
    ("list", "GET", f"{_MONEY}/payout_methods"),
    ("read", "GET", f"{_MONEY}/payout_methods/{{id}}"),
    ("outbound", "POST", f"{_MONEY}/outbound_payments"),
    ("list", "GET", f"{_MONEY}/outbound_payments"),
    ("read", "GET", f"{_MONEY}/outbound_payments/{{id}}"),
    ("cancel", "POST", f"{_MONEY}/outbound_payments/{{id}}/cancel"),
    ("account", "GET", f"{_MONEY}/financial_accounts/{{id}}"),
    ("list", "GET", f"{_MONEY}/transactions"),
]
_PATTERNS = [
    (
        ApiCall(kind, f"{method} {prefix}{path}"),
        method,
        re.compile(f"{prefix}{path}".replace("{id}", "[^/]+")),
    )
    for prefix, endpoints in ((PREFIX, _ENDPOINTS), (V2_PREFIX, _V2_ENDPOINTS))
    for kind, method, path in endpoints
]
_REFUSALS = {
    "down": unavailable,
    "error_before": server_error,
    "rate_limited": rate_limited,
    "lock_timeout": lock_timeout,
}


class StripeFaults(FaultLayer[StripeSimulatorSettings]):
    """Fault layer of Stripe; requests outside ``/stripe/v1`` and ``/v2`` pass through unchanged."""

    BEFORE = ("error_before", "rate_limited", "lock_timeout")

    def classify(self, method: str, path: str) -> ApiCall | None:
        """Return Stripe's call for a path."""
        prefix = next((each for each in (PREFIX, V2_PREFIX) if path.startswith(f"{each}/")), None)
        if prefix is None:
            return None
        for call, its_method, pattern in _PATTERNS:
            if method == its_method and pattern.fullmatch(path):
                return call
        return ApiCall("other", f"{method} {prefix} (unknown)")

    def wait(self, call: ApiCall) -> None:
        """Do nothing: the latency applies later, while the call holds its key."""

    def refuse(self, fault: str) -> Response:
        """Return an error in Stripe's words."""
        request_id = new_id("req_", 14)
        answer = as_response(_REFUSALS[fault](), request_id)
        answer.headers["Request-Id"] = request_id
        return answer

    def inject(
        self, fault: str, environ: WSGIEnvironment, act: Callable[[], Response]
    ) -> tuple[str, Response]:
        """Act, then lose or corrupt the answer, or fail with a 500.

        The 500 occurs during the execution, so that it is stored under the key. A replayed answer,
        and one that refuses parameters, are returned unchanged.
        """
        if fault not in ("error_after", "error_rolled_back"):
            answer = act()
            return fault, corrupted(answer) if fault == "garbage" else answer
        if environ["REQUEST_METHOD"] != "POST":
            return fault, self.refuse("error_before")
        environ[FAULT] = fault
        answer = act()
        fresh = answer.status_code == 500 and "Idempotent-Replayed" not in answer.headers
        return (fault if fresh else str(answer.status_code)), answer
