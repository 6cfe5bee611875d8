"""Stripe's own library over our door to the network. It is loaded at the first call.

The library writes requests, reads answers and makes errors of them. It does not repeat anything,
reports nothing about itself, and does not log: its debug log has whole bodies in it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import stripe

from paymentapp.providers.http import Http
from paymentapp.providers.stripe.tables import API_VERSION

# Also the only way to keep the library from writing an id for its statistics into the home.
stripe.enable_telemetry = False
logging.getLogger("stripe").setLevel(logging.WARNING)

_ABOUT_US = ("X-Stripe-Client-User-Agent", "X-Stripe-Client-Telemetry")


class _Door(stripe.HTTPClient):
    """One try, bounded in time and size, without redirects, cookies or a netrc: see `Http`.

    What it raises passes through the library as it is: NotSent where the request certainly never
    left, else OutcomeUnknown where it may move money.
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
            headers={name: value for name, value in headers.items() if name not in _ABOUT_US},
            body=post_data.encode() if post_data else None,
        )
        return answer.body.decode(), answer.status, answer.headers

    def close(self) -> None:
        self._http.close()


def open_client(key: str, base_url: str, http: Http) -> stripe.StripeClient:
    """A client with settings of its own; the library's global ones are not looked at."""
    return stripe.StripeClient(
        key,
        stripe_version=API_VERSION,
        base_addresses={"api": base_url},
        max_network_retries=0,
        http_client=_Door(http, base_url),
    )
