"""Rate limits over HTTP: 429, and the headers of draft-ietf-httpapi-ratelimit-headers-10.

Requests with a valid key count for their client alone (`api/auth.py`), all others for their
address. A refused request has been read no further: it changes nothing, and a retry with the same
Idempotency-Key is as good as the first.
"""

from __future__ import annotations

from typing import Any, cast

from flask import Flask, Response, g

from paymentapp.api.auth import presented_credential
from paymentapp.api.blueprint import current_request, services
from paymentapp.api.client_address import client_address
from paymentapp.api.problems import TOO_MANY, problem
from paymentapp.rate_limits.limits import QuotaState, RateLimited

# Load balancers and providers must always get an answer. Health checks cost the store nothing, and
# webhooks have a bound of their own (`api/webhook_slots.py`).
UNLIMITED = frozenset({"health.healthz", "health.readyz", "webhooks.receive_webhook"})


def register_rate_limits(app: Flask) -> None:
    """Refuse requests beyond a quota. Register it before what checks headers and credentials."""

    @app.before_request
    def check() -> None:
        current = current_request()
        if current.endpoint not in UNLIMITED:
            credential = presented_credential(current)
            services().rate_limits.check_address(client_address(), credential)

    @app.after_request
    def count(response: Response) -> Response:
        about = cast(Any, g)._get_current_object()  # each use of `g` costs a look-up
        state: QuotaState | None = about.get("quota_state")
        if state is None and "actor" not in about:
            state = _count_address(response.status_code)
        if state is not None:
            policy, (requests, seconds), remaining, resets_in = state
            response.headers.add("RateLimit-Policy", f'"{policy}";q={requests};w={seconds}')
            response.headers.add("RateLimit", f'"{policy}";r={remaining};t={resets_in}')
        return response

    @app.errorhandler(RateLimited)
    def rate_limited(error: RateLimited) -> Response:
        g.quota_state = error.state
        return problem(TOO_MANY, headers={"Retry-After": str(error.state.resets_in)})


def _count_address(status: int) -> QuotaState | None:
    """Count an answer to somebody without a valid key; what failed here is not their fault."""
    current = current_request()
    if current.endpoint in UNLIMITED or status >= 500:
        return None
    wrong_key = status == 401 and bool(presented_credential(current) or g.get("refused_key_id"))
    return services().rate_limits.count_address(client_address(), wrong_key=wrong_key)
