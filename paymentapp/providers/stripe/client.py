"""Stripe's own library over our HTTP client. It is imported at the first call.

The library builds requests, parses answers and maps errors. It does not retry, sends no telemetry,
and does not log: its debug log contains whole bodies.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import stripe

from paymentapp.providers.http import Http
from paymentapp.providers.stripe.tables import API_VERSION

# Also the only setting that keeps the library from writing a telemetry id to the home directory.
stripe.enable_telemetry = False
logging.getLogger("stripe").setLevel(logging.WARNING)

_TELEMETRY_HEADERS = ("X-Stripe-Client-User-Agent", "X-Stripe-Client-Telemetry")


class _HttpAdapter(stripe.HTTPClient):
    """One attempt, bounded in time and size, without redirects, cookies or a netrc: see `Http`.

    Its exceptions pass through the library unchanged: NotSent where the request certainly never
    left or moves no money, else OutcomeUnknown.
    """

    name = "paymentapp"

    def __init__(self, http: Http, base_url: str) -> None:
        super().__init__()
        self._http = http
        self._base_url = base_url

    def request_with_retries(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        post_data: Any = None,
        max_network_retries: int | None = None,  # noqa: ARG002
        *,
        _usage: list[str] | None = None,
    ) -> tuple[str, int, Mapping[str, str]]:
        answer = self._http.call(
            method.upper(),
            url.removeprefix(self._base_url),
            moves_money=method.lower() != "get",
            headers={k: v for k, v in headers.items() if k not in _TELEMETRY_HEADERS},
            body=post_data.encode() if post_data else None,
        )
        return answer.body.decode(), answer.status, answer.headers

    def close(self) -> None:
        self._http.close()


def open_client(key: str, base_url: str, http: Http) -> stripe.StripeClient:
    """Return a client with settings of its own, independent of the library's global ones."""
    return stripe.StripeClient(
        key,
        stripe_version=API_VERSION,
        base_addresses={"api": base_url},
        max_network_retries=0,
        http_client=_HttpAdapter(http, base_url),
    )
