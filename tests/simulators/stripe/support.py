"""Shared helpers: a Stripe simulator on a socket, and Stripe's own library."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
import stripe
from flask import Flask

from simulators import PayPalSimulatorSettings, create_simulator
from simulators.common.server import build_server, listen
from simulators.common.times import Clock
from simulators.stripe import StripeSimulatorSettings
from simulators.stripe.core import StripeSimulator
from simulators.stripe.currencies import LARGEST
from tests.simulators.support import FakeClock

KEY = "sk_test_simulated0001"
OK = "acct_simok0001"


class Live:
    """A simulator on a socket, its controls, and clients of the official library."""

    def __init__(self, app: Flask, clock: FakeClock, url: str) -> None:
        self.app = app
        self.clock = clock
        self.url = url
        self.stripe: StripeSimulator = app.extensions["stripe_simulator"]
        self.session = requests.Session()
        self.client = self.client_with(KEY)

    def client_with(self, key: str, **options: Any) -> stripe.StripeClient:
        # A session of its own: nothing that a test breaks is left to the next.
        given: dict[str, Any] = {
            "base_addresses": {"api": f"{self.url}/stripe"},
            "http_client": stripe.RequestsClient(session=self.session, timeout=5),
            "max_network_retries": 0,
        }
        return stripe.StripeClient(key, **given | options)

    def transfer(
        self, destination: str = OK, amount: int = 1000, key: str | None = None, **params: Any
    ) -> stripe.Transfer:
        params = {"amount": amount, "currency": "usd", "destination": destination} | params
        options: Any = {"idempotency_key": key} if key else {}
        return self.client.v1.transfers.create(params=params, options=options)  # type: ignore[arg-type]

    def payout(
        self, account: str = OK, amount: int = 1000, key: str | None = None, **params: Any
    ) -> stripe.Payout:
        params = {"amount": amount, "currency": "usd"} | params
        options: Any = {"stripe_account": account} | ({"idempotency_key": key} if key else {})
        return self.client.v1.payouts.create(params=params, options=options)  # type: ignore[arg-type]

    def show_payout(self, payout: stripe.Payout, account: str = OK) -> stripe.Payout:
        return self.client.v1.payouts.retrieve(payout.id, options={"stripe_account": account})

    def paid_out(self, account: str, amount: int = 1000) -> stripe.Payout:
        """Make a payout from an account that was given the money before."""
        self.transfer(account, amount)
        return self.payout(account, amount)

    def available(self, account: str | None = None) -> dict[str, int]:
        """Return the available balance of an account, by limited currency."""
        shown = self.balance(account)
        return {currency: amount for currency, amount in shown.items() if amount != LARGEST}

    def balance(self, account: str | None = None) -> dict[str, int]:
        options: Any = {"stripe_account": account} if account else {}
        balance = self.client.v1.balance.retrieve(options=options)
        return {each.currency: each.amount for each in balance.available}

    def raw(self, method: str, path: str, **request: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {KEY}"} | request.pop("headers", {})
        url = f"{self.url}/stripe/v1/{path}"
        return self.session.request(method, url, headers=headers, timeout=5, **request)

    def control(self, method: str, path: str, **request: Any) -> requests.Response:
        # A connection of its own: a fault may have left the session's broken.
        url = f"{self.url}/_simulator/stripe/{path}"
        return requests.request(method, url, timeout=5, **request)

    def set(self, **settings: Any) -> None:
        answer = self.control("PUT", "settings", json=settings)
        assert answer.status_code == 200, answer.text

    def ledger(self) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self.control("GET", "ledger").json()["items"]
        return entries

    def events(self) -> list[dict[str, Any]]:
        """Return the events so far, oldest first."""
        items: list[dict[str, Any]] = self.control("GET", "events").json()["items"]
        return items[::-1]


@contextmanager
def living(
    stripe_settings: StripeSimulatorSettings | None = None,
    settings: PayPalSimulatorSettings | None = None,
    clock: Clock | None = None,
) -> Iterator[Live]:
    """Run a simulator on a free port, with a clock that stands still."""
    fake = FakeClock()
    app = create_simulator(settings or PayPalSimulatorSettings(), clock or fake, stripe_settings)
    listener = listen("127.0.0.1", 0)
    server = build_server(app, listener)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    live = Live(app, fake, f"http://127.0.0.1:{server.port}")
    try:
        yield live
    finally:
        live.session.close()
        server.shutdown()
        thread.join(5)
        listener.close()
        app.extensions["simulator"].database.close()


def fault_of(caught: Any) -> Any:
    """Return the error object of an exception of Stripe's library."""
    return caught.value.json_body["error"]
