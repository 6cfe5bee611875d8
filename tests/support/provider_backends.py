"""A backend for each provider, for the contract suite."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from itertools import count
from typing import Any, NamedTuple, Protocol

from paymentapp.models.money import Money
from paymentapp.models.payments import Status
from paymentapp.providers.base import Provider
from paymentapp.providers.paypal.provider import PayPal
from paymentapp.vault.sealing import Vault
from simulators import PayPalSimulatorSettings, create_simulator
from simulators.common.server import build_server, listen
from tests.support.paypal_server import CLIENT_ID, CLIENT_SECRET, FakeClock, settings_for


class Paid(NamedTuple):
    """A line of the provider's own ledger."""

    item_id: str
    money: Money
    to: str


class Backend(Protocol):
    """What the suite needs of a backend: its ledger, and failures on demand."""

    provider: Provider
    secrets: tuple[str, ...]  # what is never told
    failed: Status  # what a payment that fails is: `returned` where money left at first
    waiting: Status  # what a payment is that can be taken back

    def paid(self) -> list[Paid]:
        """Return every payment that was accepted."""

    def settle(self) -> None:
        """Let every payment reach its outcome."""

    def hold(self) -> None:
        """Let every waiting payment reach the state in which it can be cancelled."""

    def succeeds(self) -> str:
        """Return a new payee whose payments succeed."""

    def waits(self) -> str:
        """Return a new payee whose payments neither succeed nor fail by themselves."""

    def fails(self) -> str:
        """Return a new payee whose payments are accepted and fail."""

    def is_refused(self) -> str:
        """Return a payee that makes any batch refused."""

    def lose_answers(self, *, acting: bool) -> None:
        """Give calls that move money no answer from now on, whether or not they take effect."""

    def lose_funds(self) -> None:
        """Empty the account."""

    def reject_credentials(self) -> None:
        """Reject the credentials from now on."""

    def recover(self) -> None:
        """End all failures; what was paid stays paid."""

    def unreachable(self) -> Provider:
        """Return the same provider with an address at which nothing listens."""


class PayPalBackend:
    """PayPal's backend: the simulator over real sockets."""

    secrets: tuple[str, ...] = (CLIENT_SECRET,)
    failed = Status.FAILED
    waiting = Status.UNCLAIMED

    def __init__(self, url: str, clock: FakeClock, app: Any, vault: Vault | None = None) -> None:
        self._clock = clock
        self._vault = vault
        self._app = app
        self._numbers = count()
        self.provider: Provider = PayPal(settings_for(url, provider_timeout=5), clock, vault)

    def paid(self) -> list[Paid]:
        answer = self._app.test_client().get("/_simulator/ledger").get_json()
        return [
            Paid(
                line["sender_item_id"],
                Money(Decimal(line["amount"]), line["currency"]),
                line["receiver"],
            )
            for line in answer["items"]
        ]

    def settle(self) -> None:
        self._clock.pass_by(seconds=5)

    def hold(self) -> None:
        self.settle()

    def succeeds(self) -> str:
        return f"ann{next(self._numbers)}@example.com"

    def waits(self) -> str:
        return f"unclaimed{next(self._numbers)}@example.com"

    def fails(self) -> str:
        return f"fail{next(self._numbers)}@example.com"

    def is_refused(self) -> str:
        return "no address at all"

    def lose_answers(self, *, acting: bool) -> None:
        fault = "drop_after" if acting else "drop_before"
        self._change(faults_on=["create", "cancel"], **{fault: 1.0})

    def lose_funds(self) -> None:
        self._change(balance={"USD": "0.00"})

    def reject_credentials(self) -> None:
        self._change(client_secret="another")
        self._clock.pass_by(days=1)  # the tokens that were given out have ended

    def recover(self) -> None:
        self._change(balance={}, drop_after=0.0, drop_before=0.0, client_secret=CLIENT_SECRET)

    def unreachable(self) -> Provider:
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            port = nobody.getsockname()[1]
        return PayPal(settings_for(f"http://127.0.0.1:{port}"), self._clock, self._vault)

    def _change(self, **settings: Any) -> None:
        self._app.extensions["simulator"].change(settings)


_Make = Callable[[str, FakeClock, Any], PayPalBackend]


@contextmanager
def paypal_backend(make: _Make = PayPalBackend) -> Iterator[Backend]:
    """Run a simulated PayPal and a provider that pays through it."""
    clock = FakeClock()
    settings = PayPalSimulatorSettings(
        settle_delay=2,
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        link_url="https://api.paypal.com",  # what PayPal's links name, whatever host is called
    )
    app = create_simulator(settings, clock)
    listener = listen("127.0.0.1", 0)
    server = build_server(app, listener)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    backend = make(f"http://127.0.0.1:{server.port}", clock, app)
    try:
        yield backend
    finally:
        backend.provider.close()
        server.shutdown()
        server.server_close()
        listener.close()
        app.extensions["simulator"].database.close()
