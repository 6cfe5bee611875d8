"""Global Payouts for tests: the simulator over sockets, and a provider that pays through it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from paymentapp.clock import Clock
from paymentapp.config import load_settings
from paymentapp.models.money import Money
from paymentapp.models.payments import Status
from paymentapp.models.provider_state import ProviderState
from paymentapp.providers.base import Kit, Provider
from paymentapp.providers.stripe.provider import Stripe
from paymentapp.providers.stripe.recipients import NewRecipient, read_recipient
from paymentapp.providers.stripe.tables import DECIMALS
from paymentapp.vault.sealing import Vault, new_key
from simulators import create_simulator
from simulators.common.server import build_server, listen
from simulators.stripe import StripeSimulatorSettings
from tests.support.ach_backend import AnyPlace
from tests.support.memory_store import MemoryStore
from tests.support.paypal_server import FakeClock
from tests.support.provider_backends import Paid
from tests.support.stripe_backend import KEY, PLENTY, WEBHOOK_SECRET, StripeBackend

FINANCIAL_ACCOUNT = "fa_simfinancial0001"
PERSON = {
    "given_name": "Ada",
    "surname": "Lovelace",
    "email": "ada@example.com",
    "country": "US",
    "currency": "USD",
    "routing_number": "110000000",
    "account_type": "checking",
}


def global_at(
    url: str, clock: Clock, state: ProviderState, vault: Vault | None = None, **variables: str
) -> Stripe:
    """Build a provider that pays recipients, whose API is at an address."""
    environ = {
        "PAYMENTAPP_STRIPE_SECRET_KEY": KEY,
        "PAYMENTAPP_STRIPE_BASE_URL": url,
        "PAYMENTAPP_STRIPE_WEBHOOK_SECRETS": WEBHOOK_SECRET,
        "PAYMENTAPP_STRIPE_FINANCIAL_ACCOUNT": FINANCIAL_ACCOUNT,
        "PAYMENTAPP_PROVIDER_TIMEOUT": "5",
    }
    named = {f"PAYMENTAPP_STRIPE_{name.upper()}": value for name, value in variables.items()}
    return Stripe.build(Kit(load_settings(environ | named), clock, vault or Vault(""), state))


class GlobalBackend(StripeBackend):
    """Global Payouts' backend for the contract suite: payments to bank accounts."""

    failed = Status.FAILED

    def __init__(self, url: str, clock: FakeClock, app: Any) -> None:
        super().__init__(url, clock, app)
        self.provider.close()
        self.secrets = (KEY, WEBHOOK_SECRET)
        self.vault = AnyPlace(new_key())
        self.state = MemoryStore()
        self.stripe = self.again()
        self.provider: Provider = self.stripe
        self._payees: list[str] = []

    def again(self, **variables: str) -> Stripe:
        """Return the provider of another process, on the same state."""
        return global_at(self.url, self.clock, self.state, self.vault, **variables)

    def outbound(self) -> dict[str, Any]:
        """Return the simulator's outbound payments and recipients."""
        found: dict[str, Any] = self.app.test_client().get("/_simulator/stripe/outbound").get_json()
        return found

    def paid(self) -> list[Paid]:
        by_method = dict(self._made())
        return [
            Paid(
                each["metadata"]["item_id"],
                _money(each["amount"], each["currency"].upper()),
                by_method.get(each["method"], f"{each['recipient']}/{each['method']}"),
            )
            for each in self.outbound()["items"]
        ]

    def _made(self) -> Iterator[tuple[str, str]]:
        assert self.stripe._global is not None
        for payee in self._payees:
            recipient = read_recipient(payee)
            assert isinstance(recipient, NewRecipient)
            made = self.stripe._global.made(recipient.token)
            if made is not None:
                yield made.method, payee

    def payee(self, number: str, **more: str) -> str:
        """Return the destination of a bank account."""
        self.secrets = (*self.secrets, number)
        details = PERSON | {"account_number": number} | more
        assert self.stripe.payees is not None
        self._payees.append(self.stripe.payees.destination("any", details))
        return self._payees[-1]

    def succeeds(self) -> str:
        return self.payee(f"{next(self._numbers):012d}")

    def waits(self) -> str:
        return self.payee(f"STUCK{next(self._numbers):012d}")

    def fails(self) -> str:
        return self.payee(f"FAILS02{next(self._numbers):012d}")

    def is_refused(self) -> str:
        return self.payee(f"INELIGIBLE{next(self._numbers):012d}")

    def lose_answers(self, *, acting: bool) -> None:
        fault = "drop_after" if acting else "drop_before"
        self.change(faults_on=["outbound", "cancel"], **{fault: 1.0})

    def lose_funds(self) -> None:
        self.change(financial_balance={"USD": "0.00"})

    def recover(self) -> None:
        faults = dict.fromkeys(StripeSimulatorSettings.FAULTS, 0.0)
        self.change(financial_balance=PLENTY, api_key=KEY, **faults)

    def unreachable(self) -> Provider:
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            port = nobody.getsockname()[1]
        url = f"http://127.0.0.1:{port}/stripe"
        return global_at(url, self.clock, self.state, self.vault)


def _money(units: int, currency: str) -> Money:
    return Money(Decimal(units).scaleb(-DECIMALS[currency]), currency)


@contextmanager
def global_backend(**settings: Any) -> Iterator[GlobalBackend]:
    """Run a simulated Stripe and a provider that pays recipients through it."""
    clock = FakeClock()
    stripe = StripeSimulatorSettings(
        api_key=KEY,
        balance=PLENTY,
        financial_balance=PLENTY,
        webhook_secret=WEBHOOK_SECRET,
        **settings,
    )
    app = create_simulator(clock=clock, stripe_settings=stripe)
    listener = listen("127.0.0.1", 0)
    server = build_server(app, listener)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    backend = GlobalBackend(f"http://127.0.0.1:{server.port}/stripe", clock, app)
    try:
        yield backend
    finally:
        backend.provider.close()
        server.shutdown()
        server.server_close()
        listener.close()
        app.extensions["simulator"].database.close()
