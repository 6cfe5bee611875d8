"""A Stripe for tests: the simulator over real sockets, and a provider that pays through it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from itertools import count
from typing import Any

from paymentapp.clock import Clock
from paymentapp.config import load_settings
from paymentapp.models.money import Money
from paymentapp.models.payments import Status
from paymentapp.providers.base import Provider
from paymentapp.providers.stripe.provider import Stripe
from paymentapp.providers.stripe.tables import CURRENCIES
from simulators import create_simulator
from simulators.common.server import build_server, listen
from simulators.stripe import StripeSimulatorSettings
from tests.support.kit import a_kit
from tests.support.paypal_server import FakeClock
from tests.support.provider_backends import Paid

KEY = "sk_test_simulated0001"
WEBHOOK_SECRET = "whsec_ofthetests0001"
PLENTY = dict.fromkeys(CURRENCIES, "900000")
CALLS = ["transfer", "reversal", "payout", "cancel"]  # that move money


def stripe_at(url: str, clock: Clock, **variables: str) -> Stripe:
    """Build a provider whose API is at an address."""
    environ = {
        "PAYMENTAPP_STRIPE_SECRET_KEY": KEY,
        "PAYMENTAPP_STRIPE_BASE_URL": url,
        "PAYMENTAPP_STRIPE_WEBHOOK_SECRETS": WEBHOOK_SECRET,
        "PAYMENTAPP_PROVIDER_TIMEOUT": "5",
    }
    named = {f"PAYMENTAPP_STRIPE_{name.upper()}": value for name, value in variables.items()}
    return Stripe.build(a_kit(load_settings(environ | named), clock))


class StripeBackend:
    """Stripe's backend for the contract suite.

    Its payments are paid out to a bank, because only then they take time. A recipient never has to
    claim one; what can be cancelled is a payout that the bank does not have yet.
    """

    secrets: tuple[str, ...] = (KEY, WEBHOOK_SECRET)
    failed = Status.RETURNED  # the money was in the recipient's account, and comes from there
    waiting = Status.SUBMITTED

    def __init__(self, url: str, clock: FakeClock, app: Any) -> None:
        self.url = url
        self.clock = clock
        self.app = app
        self._numbers = count()
        self.provider: Provider = stripe_at(url, clock)

    def paid(self) -> list[Paid]:
        return [
            Paid(
                move["metadata"]["item_id"],
                Money(Decimal(move["amount"]), move["currency"]),
                f"{move['destination']}:{move['metadata']['payout']}".removesuffix(":none"),
            )
            for move in self.moves("transfer")
        ]

    def moves(self, kind: str) -> list[dict[str, Any]]:
        """Return the simulator's ledger entries of a kind."""
        answer = self.app.test_client().get("/_simulator/stripe/ledger").get_json()
        return [move for move in answer["items"] if move["kind"] == kind]

    def settle(self) -> None:
        self.clock.pass_by(seconds=5)

    def hold(self) -> None:
        """Do nothing: a payout can be cancelled as long as it is new."""

    def succeeds(self) -> str:
        return f"acct_simok{next(self._numbers)}:standard"

    def waits(self) -> str:
        return f"acct_simstuck{next(self._numbers)}:standard"

    def fails(self) -> str:
        return f"acct_simpayoutfailsaccountclosed{next(self._numbers)}:standard"

    def is_refused(self) -> str:
        return f"acct_simunknown{next(self._numbers)}:standard"

    def lose_answers(self, *, acting: bool) -> None:
        fault = "drop_after" if acting else "drop_before"
        self.change(faults_on=CALLS, **{fault: 1.0})

    def lose_funds(self) -> None:
        self.change(balance={"USD": "0.00"})

    def reject_credentials(self) -> None:
        self.change(api_key="sk_test_another0001")

    def recover(self) -> None:
        faults = dict.fromkeys(StripeSimulatorSettings.FAULTS, 0.0)
        self.change(balance=PLENTY, api_key=KEY, **faults)

    def unreachable(self) -> Provider:
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            port = nobody.getsockname()[1]
        return stripe_at(f"http://127.0.0.1:{port}/stripe", self.clock)

    def change(self, **settings: Any) -> None:
        """Change the simulator's settings."""
        self.app.extensions["stripe_simulator"].change(settings)


@contextmanager
def stripe_backend(**settings: Any) -> Iterator[StripeBackend]:
    """Run a simulated Stripe and a provider that pays through it."""
    clock = FakeClock()
    stripe = StripeSimulatorSettings(
        api_key=KEY, balance=PLENTY, webhook_secret=WEBHOOK_SECRET, **settings
    )
    app = create_simulator(clock=clock, stripe_settings=stripe)
    listener = listen("127.0.0.1", 0)
    server = build_server(app, listener)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    backend = StripeBackend(f"http://127.0.0.1:{server.port}/stripe", clock, app)
    try:
        yield backend
    finally:
        backend.provider.close()
        server.shutdown()
        server.server_close()
        listener.close()
        app.extensions["simulator"].database.close()
