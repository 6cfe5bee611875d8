"""A database, the simulator over a real socket, and the commands."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner, Result

from paymentapp.bootstrap import Services, build_services
from paymentapp.cli import commands
from paymentapp.clock import utc_now
from paymentapp.config import load_settings
from paymentapp.models.batches import Batch
from paymentapp.models.money import Money
from paymentapp.models.payments import Payment
from paymentapp.services.payment_orders import PaymentOrder
from simulators import PayPalSimulatorSettings
from tests.simulators.support import serving


@dataclass
class Desk:
    """The commands, and the service and provider that they work on."""

    environ: dict[str, str]
    simulator: str
    database: Path

    def run(self, *arguments: str, **environ: str) -> Result:
        """Run a command; check that it prints no full e-mail address."""
        result = CliRunner().invoke(commands, arguments, env=self.environ | environ)
        assert "@example.com" not in result.output.replace("***@example.com", "")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "--json").stdout)

    @contextmanager
    def service(self, **ago: float) -> Iterator[Services]:
        """Build the service with its clock set back."""
        clock = lambda: utc_now() - timedelta(**ago)  # noqa: E731
        services = build_services(load_settings(self.environ), clock=clock)
        with closing(services.store):
            services.store.create_tables()
            yield services

    def pay(
        self, *names: str, follow: bool = True, to: str | None = None, **ago: float
    ) -> tuple[Batch, list[Payment]]:
        """Pay each a small amount in one batch, at the e-mail `to` if given; poll it once."""
        with self.service(**ago) as services:
            payments = []
            for name in names:
                email = f"{name}@example.com"
                services.customers.register(name, email, {})
                if to is not None:
                    services.methods.put(name, "paypal", {"email": to}, None)
                payments.append(self.request(services, name))
            batch = services.dispatcher.submit(payments)
            assert batch is not None
            if follow:
                batch = services.poller.follow(batch)
            return batch, [services.payments.get(payment.key) for payment in payments]

    def request(self, services: Services, name: str) -> Payment:
        """Request a small payment."""
        order = PaymentOrder(name, f"{name}@example.com", Money(Decimal("12.50"), "USD"), "paypal")
        return services.payments.request(order).payment

    def park(self, name: str, *, acted: bool, to: str | None = None) -> tuple[Batch, Payment]:
        """Park a batch that the provider did not answer for 25 days."""
        fault = "drop_after" if acted else "drop_before"
        self.set_simulator(faults_on=["create"], **{fault: 1.0})
        batch, (payment,) = self.pay(name, follow=False, to=to, days=26)
        self.set_simulator(**{fault: 0.0})
        with self.service() as services:
            return services.dispatcher.resume(batch), payment

    def read(self, payment: Payment) -> Payment:
        with self.service() as services:
            return services.payments.get(payment.key)

    def set_simulator(self, **settings: object) -> None:
        url = f"{self.simulator}/_simulator/settings"
        requests.put(url, json=settings, timeout=10).raise_for_status()

    def ledger(self) -> list[dict[str, str]]:
        """Return every payment that the simulator was asked to make."""
        items: list[dict[str, str]] = requests.get(
            f"{self.simulator}/_simulator/ledger", timeout=10
        ).json()["items"]
        return items

    def creates(self) -> int:
        """Return how often a batch was sent to the simulator."""
        return self._calls("POST /v1/payments/payouts")

    def reads(self) -> int:
        """Return how often a page of a batch was read from the simulator."""
        return self._calls("GET /v1/payments/payouts/{id}")

    def _calls(self, endpoint: str) -> int:
        calls = requests.get(f"{self.simulator}/_simulator/calls", timeout=10).json()
        return int(calls["endpoints"].get(endpoint, {"calls": 0})["calls"])

    def pay_as_somebody_else(self, sender_item_id: str) -> None:
        """Make a payout from the same account without the service."""
        token = requests.post(
            f"{self.simulator}/v1/oauth2/token",
            auth=("id", "secret"),
            data={"grant_type": "client_credentials"},
            timeout=10,
        ).json()["access_token"]
        item = {
            "recipient_type": "EMAIL",
            "receiver": "eve@example.com",
            "amount": {"currency": "USD", "value": "7.00"},
            "sender_item_id": sender_item_id,
        }
        body = {"sender_batch_header": {"sender_batch_id": "theirs"}, "items": [item]}
        headers = {"Authorization": f"Bearer {token}"}
        url = f"{self.simulator}/v1/payments/payouts"
        requests.post(url, json=body, headers=headers, timeout=10).raise_for_status()


@pytest.fixture(autouse=True)
def no_address_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.DEBUG, "paymentapp")
    yield
    assert "@example.com" not in caplog.text


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    database = tmp_path / "test.db"
    with serving(PayPalSimulatorSettings(settle_delay=0, reversal_delay=3600)) as url:
        environ = {
            "PAYMENTAPP_STORE": f"sqlite:///{database}",
            "PAYPAL_BASE_URL": url,
            "PAYPAL_CLIENT_ID": "id",
            "PAYPAL_CLIENT_SECRET": "secret",
            "PAYMENTAPP_PROVIDER_TIMEOUT": "5",
        }
        yield Desk(environ, url, database)
